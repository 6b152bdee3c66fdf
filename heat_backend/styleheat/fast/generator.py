# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator from 64 px up for one portrait, its weights modulated once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from heat_backend.styleheat.fast.folded import (
    FoldedConv,
    FoldedUpConv,
    Place,
    colour_kernel,
    colours,
    raise_colours,
    styled,
)
from heat_backend.styleheat.networks.stylegan import INJECTION, Generator

CLAMP = 256.0
"""Bound of features in float16, far above what they reach; as StyleGAN's training does."""


@dataclass(frozen=True)
class _Resolution:
    raised: FoldedConv | FoldedUpConv | None
    conv: FoldedConv | FoldedUpConv
    colours: FoldedConv


@dataclass(frozen=True)
class UpperGenerator:
    """Feature (1, 512, 64, 64) to picture (1, 3, size, size)."""

    start: Tensor
    """(1, 3, 64, 64) float32, the smaller pictures' colours, which no frame changes."""
    kernel: Tensor
    """(3, 1, 4, 4), which raises them."""
    resolutions: list[_Resolution]
    clamp: bool

    @classmethod
    def of(cls, net: Generator, wplus: Tensor, place: Place) -> UpperGenerator:
        """Run what is below the injection, and fold what is above, for codes (1, rows, 512)."""
        _, rgb = net.below_injection(wplus)  # rgb (1,3,32,32)
        layers = []
        for index in range(INJECTION, len(net.to_rgbs)):
            rows = [wplus[:, 2 * index + turn] for turn in (1, 2, 3)]
            raised = None
            if index > INJECTION:
                raised = styled(net.convs[2 * index], rows[0], place)  # type: ignore[arg-type]
            conv = styled(net.convs[2 * index + 1], rows[1], place)  # type: ignore[arg-type]
            rgb_layer = colours(net.to_rgbs[index], rows[2], place)  # type: ignore[arg-type]
            layers.append(_Resolution(raised, conv, rgb_layer))
        clamp = place.dtype == torch.float16  # bfloat16 has the range of float32
        kernel = colour_kernel(place.device)
        return cls(raise_colours(rgb, kernel), kernel, layers, clamp)

    def __call__(self, x: Tensor) -> Tensor:
        rgb = self.start
        for layer in self.resolutions:
            if layer.raised is not None:
                rgb = raise_colours(rgb, self.kernel)  # (1,3,H,W) -> (1,3,2H,2W)
                x = self._bounded(layer.raised(x))  # (1,c,H,W) -> (1,c/2,2H,2W)
            x = self._bounded(layer.conv(x))
            rgb = rgb + layer.colours(x)  # (1,c,H,W) -> (1,3,H,W), summed in float32
        return rgb

    def _bounded(self, x: Tensor) -> Tensor:
        return x.clamp_(-CLAMP, CLAMP) if self.clamp else x
