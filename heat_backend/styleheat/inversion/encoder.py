# SPDX-License-Identifier: GPL-3.0-or-later
"""Inversion by encoders: e4e (arXiv 2102.02766) for W+ codes, HFGI (arXiv 2109.06590) for details.

The residual of picture and e4e reconstruction is aligned and becomes a scale and a shift of the
generator's feature at 64 px.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from heat_backend.styleheat.networks.encoders import (
    Aligner,
    E4eEncoder,
    LatentAverage,
    ResidualEncoder,
)
from heat_backend.styleheat.networks.flow import resize
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.networks.stylegan import Conditions, Generator

SIZE = 256


@dataclass(frozen=True)
class Encoded:
    """The e4e inversion, and its residual."""

    wplus: Tensor
    """(B, 18, 512)."""
    residual: Tensor
    """(B, 3, 256, 256), picture minus rough inversion."""
    rough: Tensor
    """(B, 3, 256, 256), the picture that the codes alone give, clamped."""


@dataclass(frozen=True)
class Inverter:
    """The five networks of the inversion."""

    generator: Generator
    encoder: E4eEncoder
    average: LatentAverage
    aligner: Aligner
    residual_encoder: ResidualEncoder

    def encode(self, image: Tensor) -> Encoded:
        """Encode a picture (B, 3, H, W), -1 to 1, as W+ codes, with the residual."""
        x = resize(image, SIZE)  # (B,3,H,W) -> (B,3,256,256)
        wplus = self.average(self.encoder(x))  # -> (B,18,512)
        rough = clamped_256(self.generator(wplus).image)  # -> (B,3,256,256)
        return Encoded(wplus, x - rough, rough)

    def condition(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Encode the residual as the inversion condition: scale and shift (B, 512, 64, 64)."""
        aligned = self.aligner(torch.cat([encoded.residual, encoded.rough], dim=1))
        scale, shift = self.residual_encoder(aligned)
        return scale, shift

    def decode(self, encoded: Encoded) -> Inversion:
        """Generate the picture with its residual restored."""
        condition = self.condition(encoded)
        generated = self.generator(encoded.wplus, Conditions(inversion=condition))
        return Inversion(clamped_256(generated.image), encoded.wplus, generated.f_latent, condition)

    def inverse(self, image: Tensor) -> Inversion:
        """Invert a picture (B, 3, H, W), -1 to 1."""
        return self.decode(self.encode(image))

    def modules(self) -> tuple[nn.Module, ...]:
        """Return the networks."""
        return (
            self.generator, self.encoder, self.average, self.aligner, self.residual_encoder,
        )  # fmt: skip


def clamped_256(image: Tensor) -> Tensor:
    """Clamp a generated picture and bring it to 256 px."""
    return resize(image.clamp(-1.0, 1.0), SIZE)
