# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's calibration network: scales and shifts that correct the warped feature.

Motion enters by AdaIN blocks (StyleHEAT, arXiv 2203.04036).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.flow import resize
from heat_backend.styleheat.networks.primitives import (
    GAIN,
    Adain,
    DownBlock,
    EqualConv2d,
    FusedLeakyReLU,
    ScaledLeakyReLU,
    conv_layer,
)

INNER = 256  # channels inside
OUTER = 512  # channels of the generator's feature
STAGES = 4  # halvings, 64 to 4 px
INJECT_SLOPE = 0.01  # of leaky ReLU, as published


class ConvUpLayer(nn.Module):
    """Bilinear twice the size, scaled convolution, activation unless switched off."""

    def __init__(self, inner: int, outer: int, kernel: int, activate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, kernel, kernel))
        self.scale = 1.0 / math.sqrt(inner * kernel * kernel)
        self.padding = kernel // 2
        self.activation = FusedLeakyReLU(outer) if activate else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = resize(x, (2 * x.shape[2], 2 * x.shape[3]))  # (B,inner,H,W) -> (B,inner,2H,2W)
        x = F.conv2d(x, self.weight * self.scale, padding=self.padding)  # -> (B,outer,2H,2W)
        out: Tensor = self.activation(x)
        return out


class UpBlock(nn.Module):
    """Residual block at twice the size: (B, inner, H, W) -> (B, outer, 2H, 2W)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1 = conv_layer(inner, inner, 3)
        self.conv2 = ConvUpLayer(inner, outer, 3)
        self.skip = ConvUpLayer(inner, outer, 1, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))  # (B,inner,H,W) -> (B,outer,2H,2W)
        return (out + self.skip(x)) / GAIN


class InjectBlock(nn.Module):
    """Residual block with AdaIN conditioned on the motion code (B, 256)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = Adain(channels, INNER)
        self.norm2 = Adain(channels, INNER)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        x = F.leaky_relu(self.norm1(self.conv1(x), z), INJECT_SLOPE)
        return x + self.norm2(self.conv2(x), z)


def _condition() -> nn.Sequential:
    """Feature (B, 256, H, W) to a scale or a shift (B, 512, H, W)."""
    return nn.Sequential(
        EqualConv2d(INNER, INNER, 3, padding=1),
        ScaledLeakyReLU(),
        EqualConv2d(INNER, OUTER, 3, padding=1),
    )


class CalibrationNet(nn.Module):
    """Warped feature (B, 512, 64, 64) and descriptor (B, 256, 1) to eight tensors.

    They are scale and shift, (B, 512, s, s) each, at s = 8, 16, 32, 64; the generator uses the
    last two.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_body_first = conv_layer(OUTER, INNER, 1)
        self.conv_body_down = nn.ModuleList(DownBlock(INNER, INNER) for _ in range(STAGES))
        self.final_conv = conv_layer(INNER, INNER, 3)
        self.conv_body_up = nn.ModuleList(UpBlock(INNER, INNER) for _ in range(STAGES))
        self.linear_3dmm = nn.Sequential(
            nn.Linear(INNER, INNER), nn.LeakyReLU(0.1), nn.Linear(INNER, INNER)
        )
        self.inject_3dmm = nn.ModuleList(InjectBlock(INNER) for _ in range(STAGES))
        self.condition_scale = nn.ModuleList(_condition() for _ in range(STAGES))
        self.condition_shift = nn.ModuleList(_condition() for _ in range(STAGES))

    def forward(self, feature: Tensor, descriptor: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        for stage, x in enumerate(self.injected(feature, descriptor)):
            # (B,256,s,s) -> (B,512,s,s) twice
            found += [self.condition_scale[stage](x), self.condition_shift[stage](x)]
        return found

    def injected(self, feature: Tensor, descriptor: Tensor) -> Iterator[Tensor]:
        """Yield the motion-conditioned feature, (B, 256, s, s) at s = 8, 16, 32, 64."""
        x = self.conv_body_first(feature)  # (B,512,64,64) -> (B,256,64,64)
        skips: list[Tensor] = []
        for down in self.conv_body_down:
            x = down(x)  # (B,256,H,W) -> (B,256,H/2,W/2)
            skips.append(x)
        x = self.final_conv(x)
        z = self.linear_3dmm(descriptor.flatten(1))  # (B,256,1) -> (B,256)
        for stage in range(STAGES):
            x = self.conv_body_up[stage](x + skips.pop())  # (B,256,H,W) -> (B,256,2H,2W)
            x = self.inject_3dmm[stage](x, z)
            yield x
