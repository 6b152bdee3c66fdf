# SPDX-License-Identifier: GPL-3.0-or-later
"""The StyleGAN2 generator (arXiv 1912.04958), with the conditions that StyleHEAT applies at 64 px.

Noise is off: its weights and buffers are loaded with the checkpoint and not used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.flow import warp
from heat_backend.styleheat.networks.primitives import (
    Blur,
    EqualLinear,
    FusedLeakyReLU,
    Upsample,
)

STYLE = 512
CHANNELS = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128, 512: 64, 1024: 32}
INJECTION = 3
"""Resolution index (0 is 8 px) where the conditions enter: 64 px, between its two convs."""


@dataclass(frozen=True)
class Conditions:
    """StyleHEAT's conditions on the feature (B, 512, 64, 64), applied in this order."""

    inversion: tuple[Tensor, Tensor] | None = None
    """Scale and shift, (B, 512, 64, 64) each: x*(1+scale) + shift."""
    f: Tensor | None = None
    """Takes the feature's place, (B, 512, 64, 64)."""
    warping: Tensor | Sequence[Tensor] = ()
    """A deformation (B, h, w, 2), or several, one after another."""
    refining: Sequence[Tensor] | None = None
    """The calibration network's tensors; the seventh scales as above, the eighth shifts."""
    f_r: Tensor | None = None
    """Takes the feature's place at the end, (B, 512, 64, 64)."""


NO_CONDITIONS = Conditions()


@dataclass(frozen=True)
class Generated:
    """A picture and the feature at 64 px on its way."""

    image: Tensor
    """(B, 3, size, size), about -1 to 1, not clamped."""
    f_latent: Tensor
    """(B, 512, 64, 64) after the inversion condition."""
    f_r_latent: Tensor
    """(B, 512, 64, 64) after warping and refining."""


class PixelNorm(nn.Module):
    """Every code to unit mean square."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


class ModulatedConv2d(nn.Module):
    """Weight-modulated convolution (arXiv 1912.04958, section 2.2); ``up`` doubles the size."""

    def __init__(self, inner: int, outer: int, kernel: int, up: bool = False,
                 demodulate: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outer, inner, kernel, kernel))
        self.modulation = EqualLinear(STYLE, inner, bias_init=1.0)
        self.scale = 1.0 / math.sqrt(inner * kernel * kernel)
        self.padding, self.up, self.demodulate = kernel // 2, up, demodulate
        if up:
            self.blur = Blur((1, 1), gain=4.0)

    def modulated(self, w: Tensor) -> Tensor:
        """Return the weight of each item's style (B, 512): (B, outer, inner, k, k)."""
        style = self.modulation(w)  # (B,512) -> (B,inner)
        weight = self.weight * (self.scale * style[:, None, :, None, None])  # -> (B,outer,inner,..)
        if not self.demodulate:
            return weight
        return weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        batch, inner, height, width = x.shape
        weight = self.modulated(w)
        # One group an item, so that a batch of weights is one convolution.
        x = x.reshape(1, batch * inner, height, width)  # (B,inner,H,W) -> (1,B*inner,H,W)
        if self.up:
            weight = weight.transpose(1, 2).flatten(0, 1)  # -> (B*inner,outer,3,3)
            x = F.conv_transpose2d(x, weight, stride=2, groups=batch)  # -> (1,B*outer,2H+1,2W+1)
            return self.blur(x.view(batch, -1, *x.shape[2:]))  # -> (B,outer,2H,2W)
        weight = weight.flatten(0, 1)  # -> (B*outer,inner,k,k)
        x = F.conv2d(x, weight, padding=self.padding, groups=batch)  # -> (1,B*outer,H,W)
        return x.view(batch, -1, height, width)  # -> (B,outer,H,W)


class NoiseInjection(nn.Module):
    """Holds the published noise weight, which is not used."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))


class StyledConv(nn.Module):
    """Modulated convolution and activation."""

    def __init__(self, inner: int, outer: int, up: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv2d(inner, outer, 3, up)
        self.noise = NoiseInjection()
        self.activate = FusedLeakyReLU(outer)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        out: Tensor = self.activate(self.conv(x, w))  # (B,inner,H,W) -> (B,outer,H or 2H,...)
        return out


class ToRgb(nn.Module):
    """Feature to colours, added to the smaller picture's."""

    def __init__(self, inner: int, up: bool = True) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if up:
            self.upsample = Upsample()
        self.conv = ModulatedConv2d(inner, 3, 1, demodulate=False)

    def forward(self, x: Tensor, w: Tensor, smaller: Tensor | None = None) -> Tensor:
        rgb: Tensor = self.conv(x, w) + self.bias  # (B,inner,H,W) -> (B,3,H,W)
        if smaller is None:
            return rgb
        return rgb + self.upsample(smaller)  # (B,3,H/2,W/2) -> (B,3,H,W)


class ConstantInput(nn.Module):
    """The learnt start of every picture."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, CHANNELS[4], 4, 4))

    def forward(self, batch: int) -> Tensor:
        return self.input.expand(batch, -1, -1, -1)  # (1,512,4,4) -> (B,512,4,4)


class Generator(nn.Module):
    """W+ codes (B, rows, 512) to a picture; 18 rows at 1024 px, 14 at 256."""

    def __init__(self, size: int = 1024) -> None:
        super().__init__()
        self.size = size
        self.rows = 2 * int(math.log2(size)) - 2
        self.style = nn.Sequential(
            PixelNorm(),
            *(EqualLinear(STYLE, STYLE, lr_mul=0.01, activation=True) for _ in range(8)),
        )
        self.input = ConstantInput()
        self.conv1 = StyledConv(CHANNELS[4], CHANNELS[4])
        self.to_rgb1 = ToRgb(CHANNELS[4], up=False)
        self.convs, self.to_rgbs, self.noises = nn.ModuleList(), nn.ModuleList(), nn.Module()
        self.noises.register_buffer("noise_0", torch.zeros(1, 1, 4, 4))
        for index, px in enumerate(p for p in CHANNELS if 8 <= p <= size):
            self.convs.append(StyledConv(CHANNELS[px // 2], CHANNELS[px], up=True))
            self.convs.append(StyledConv(CHANNELS[px], CHANNELS[px]))
            self.to_rgbs.append(ToRgb(CHANNELS[px]))
            for turn in (1, 2):
                name = f"noise_{2 * index + turn}"
                self.noises.register_buffer(name, torch.zeros(1, 1, px, px))

    def codes(
        self, w: Tensor, truncation: float = 1.0, average: Tensor | None = None,
        second: Tensor | None = None, inject_index: int | None = None,
    ) -> Tensor:  # fmt: skip
        """Bring w to the rows of W+.

        Parameters
        ----------
        w : Tensor
            (B, 512), or W+ already, (B, rows, 512).
        truncation : float
            Below 1, the codes are drawn towards ``average`` (B, 512).
        second : Tensor, optional
            Takes over from row ``inject_index`` on (half of the rows unless given).
        """
        if truncation < 1.0 and average is not None:
            near = average if w.ndim == 2 else average[:, None]
            w = near + truncation * (w - near)
        rows = w if w.ndim == 3 else w[:, None].expand(-1, self.rows, -1)  # -> (B,rows,512)
        if second is None:
            return rows
        after = self.codes(second, truncation, average)
        turn = self.rows // 2 if inject_index is None else inject_index
        return torch.cat([rows[:, :turn], after[:, turn:]], dim=1)

    def forward(self, w: Tensor, conditions: Conditions = NO_CONDITIONS) -> Generated:
        rows = self.codes(w)
        x, rgb = self.below_injection(rows)  # -> (B,512,64,64) and (B,3,32,32)
        f_latent = inverted(x, conditions)
        f_r_latent = conditioned(f_latent, conditions)
        image = self.above_injection(f_r_latent, rgb, rows)  # -> (B,3,size,size)
        return Generated(image, f_latent, f_r_latent)

    def below_injection(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Run from the constant to the feature at 64 px and the picture at 32 px."""
        x = self.conv1(self.input(len(rows)), rows[:, 0])
        rgb = self.to_rgb1(x, rows[:, 1])  # (B,512,4,4) -> (B,3,4,4)
        for index in range(INJECTION):
            x, rgb = self._resolution(index, self._raised(index, x, rows), rgb, rows)
        return self._raised(INJECTION, x, rows), rgb  # (B,512,32,32) -> (B,512,64,64)

    def above_injection(self, x: Tensor, rgb: Tensor, rows: Tensor) -> Tensor:
        """Run from the feature at 64 px and the picture at 32 px to the whole picture."""
        x, rgb = self._resolution(INJECTION, x, rgb, rows)  # rgb -> (B,3,64,64)
        for index in range(INJECTION + 1, len(self.to_rgbs)):
            x, rgb = self._resolution(index, self._raised(index, x, rows), rgb, rows)
        return rgb

    def _raised(self, index: int, x: Tensor, rows: Tensor) -> Tensor:
        out: Tensor = self.convs[2 * index](x, rows[:, 1 + 2 * index])  # H,W -> 2H,2W
        return out

    def _resolution(
        self, index: int, x: Tensor, rgb: Tensor, rows: Tensor
    ) -> tuple[Tensor, Tensor]:
        x = self.convs[2 * index + 1](x, rows[:, 2 + 2 * index])
        return x, self.to_rgbs[index](x, rows[:, 3 + 2 * index], rgb)  # rgb: H,W -> 2H,2W


def inverted(x: Tensor, conditions: Conditions) -> Tensor:
    """Apply the inversion condition to the feature (B, 512, 64, 64)."""
    if conditions.inversion is None:
        return x
    scale, shift = conditions.inversion
    return x * (1 + scale) + shift


def conditioned(x: Tensor, conditions: Conditions) -> Tensor:
    """Apply all conditions that come after the inversion's to the feature (B, 512, 64, 64)."""
    if conditions.f is not None:
        x = conditions.f
    warping = conditions.warping
    for places in [warping] if isinstance(warping, Tensor) else warping:
        x = warp(x, places)
    if conditions.refining is not None and len(conditions.refining) > 2 * INJECTION + 1:
        scale, shift = conditions.refining[2 * INJECTION : 2 * INJECTION + 2]
        x = x * (1 + scale) + shift
    return x if conditions.f_r is None else conditions.f_r
