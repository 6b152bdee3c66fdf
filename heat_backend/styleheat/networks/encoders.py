# SPDX-License-Identifier: GPL-3.0-or-later
"""The encoders of the inversion: e4e, HFGI's aligner and residual encoder; and IR-SE50.

All are built of improved residual blocks (IR) with or without squeeze and excitation (arXiv
1709.01507), as in ArcFace's backbone. e4e: arXiv 2102.02766; HFGI: arXiv 2109.06590.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from heat_backend.styleheat.networks.flow import resize
from heat_backend.styleheat.networks.primitives import (
    EqualConv2d,
    EqualLinear,
    ScaledLeakyReLU,
)

IR_SE50 = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and number of blocks of each group; the first block of a group halves the size."""


class SqueezeExcite(nn.Module):
    """Squeeze and excitation: scale each channel by a gate from its global mean."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.relu = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        part = self.fc1(self.avg_pool(x))  # (B,C,H,W) -> (B,C/16,1,1)
        part = self.sigmoid(self.fc2(self.relu(part)))  # -> (B,C,1,1)
        return x * part


class IrBlock(nn.Module):
    """(B, inner, H, W) -> (B, outer, H/stride, W/stride); ``squeeze`` adds the channel scale."""

    def __init__(self, inner: int, outer: int, stride: int = 1, squeeze: bool = False) -> None:
        super().__init__()
        if inner == outer:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inner),
            nn.Conv2d(inner, outer, 3, padding=1, bias=False),
            nn.PReLU(outer),
            nn.Conv2d(outer, outer, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outer),
        )
        if squeeze:
            self.res_layer.append(SqueezeExcite(outer))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.res_layer(x) + self.shortcut_layer(x)  # H,W -> H/stride,W/stride
        return out


def input_layer(inner: int, outer: int) -> nn.Sequential:
    """Build the first convolution: (B, inner, H, W) -> (B, outer, H, W)."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.PReLU(outer),
    )


def ir_se50_body() -> nn.Sequential:
    """Build the 24 blocks: (B, 64, H, W) -> (B, 512, H/16, W/16)."""
    blocks: list[nn.Module] = []
    inner = IR_SE50[0][0]
    for outer, count in IR_SE50:
        for index in range(count):
            blocks.append(IrBlock(inner, outer, 2 if index == 0 else 1, squeeze=True))
            inner = outer
    return nn.Sequential(*blocks)


def block_group(channels: tuple[int, ...], stride: int) -> nn.Sequential:
    """Build blocks from ``channels[0]`` on, the first with the stride, without channel scales."""
    pairs = pairwise(channels)
    return nn.Sequential(
        *(IrBlock(a, b, stride if index == 0 else 1) for index, (a, b) in enumerate(pairs))
    )


ROWS = 18
COARSE, MIDDLE = 3, 7
"""Rows below 3 come from 16 px, rows below 7 from 32 px, the others from 64 px."""


@dataclass(frozen=True)
class BodyFeatures:
    """The body's features at three sizes, for a picture of 256 px."""

    c1: Tensor
    """(B, 128, 64, 64)."""
    c2: Tensor
    """(B, 256, 32, 32)."""
    c3: Tensor
    """(B, 512, 16, 16)."""


class StyleBlock(nn.Module):
    """Feature (B, 512, size, size) to one row (B, 512)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(int(math.log2(size))):
            layers += [nn.Conv2d(512, 512, 3, stride=2, padding=1), nn.LeakyReLU(0.01)]
        self.convs = nn.Sequential(*layers)
        self.linear = EqualLinear(512, 512)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x).flatten(1)  # (B,512,size,size) -> (B,512,1,1) -> (B,512)
        out: Tensor = self.linear(x)
        return out


class E4eEncoder(nn.Module):
    """Picture (B, 3, 256, 256), -1 to 1, to codes (B, 18, 512) relative to the average code."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = input_layer(3, 64)
        self.body = ir_se50_body()
        sizes = (16 if k < COARSE else 32 if k < MIDDLE else 64 for k in range(ROWS))
        self.styles = nn.ModuleList(StyleBlock(size) for size in sizes)
        self.latlayer1 = nn.Conv2d(256, 512, 1)
        self.latlayer2 = nn.Conv2d(128, 512, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.rows(self.features(image))

    def features(self, image: Tensor) -> BodyFeatures:
        """Run the body."""
        x = self.input_layer(image)  # (B,3,256,256) -> (B,64,256,256)
        kept: list[Tensor] = []
        for index, block in enumerate(self.body):
            x = block(x)  # halves at blocks 0, 3, 7, 21
            if index in (6, 20, 23):
                kept.append(x)
        return BodyFeatures(*kept)

    def rows(self, body: BodyFeatures) -> Tensor:
        """Turn the body's features into the rows: the first, and offsets from it."""
        p2 = resize(body.c3, 32) + self.latlayer1(body.c2)  # -> (B,512,32,32)
        p1 = resize(p2, 64) + self.latlayer2(body.c1)  # -> (B,512,64,64)
        first = self.styles[0](body.c3)
        rows = [first]
        for k in range(1, ROWS):
            source = body.c3 if k < COARSE else p2 if k < MIDDLE else p1
            rows.append(first + self.styles[k](source))
        return torch.stack(rows, dim=1)  # 18 x (B,512) -> (B,18,512)


class LatentAverage(nn.Module):
    """The mean W+ code, added to the encoder's offsets."""

    latent_avg: Tensor
    """(18, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("latent_avg", torch.zeros(ROWS, 512))

    def forward(self, rows: Tensor) -> Tensor:
        return rows + self.latent_avg


class Aligner(nn.Module):
    """Residual and rough inversion, (B, 6, 256, 256), to the residual aligned (B, 3, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_layer1 = input_layer(6, 16)
        self.conv_layer2 = block_group((16, 32, 32, 32), stride=2)
        self.conv_layer3 = block_group((32, 48, 48, 48), stride=2)
        self.conv_layer4 = block_group((48, 64, 64, 64), stride=2)
        self.dconv_layer1 = block_group((112, 64, 32, 32), stride=1)
        self.dconv_layer2 = block_group((64, 32, 16, 16), stride=1)
        self.dconv_layer3 = block_group((32, 16, 3, 3), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        f1 = self.conv_layer1(x)  # (B,6,256,256) -> (B,16,256,256)
        f2 = self.conv_layer2(f1)  # -> (B,32,128,128)
        f3 = self.conv_layer3(f2)  # -> (B,48,64,64)
        f4 = self.conv_layer4(f3)  # -> (B,64,32,32)
        x = self.dconv_layer1(torch.cat([resize(f4, 64), f3], dim=1))  # -> (B,32,64,64)
        x = self.dconv_layer2(torch.cat([resize(x, 128), f2], dim=1))  # -> (B,16,128,128)
        out: Tensor = self.dconv_layer3(torch.cat([resize(x, 256), f1], dim=1))  # -> (B,3,256,256)
        return out


def _condition() -> nn.Sequential:
    """Feature (B, 64, 64, 64) to a scale or a shift (B, 512, 64, 64)."""
    return nn.Sequential(
        EqualConv2d(64, 512, 3, padding=1),
        ScaledLeakyReLU(),
        EqualConv2d(512, 512, 3, padding=1),
    )


class ResidualEncoder(nn.Module):
    """Residual (B, 3, 256, 256) to scale and shift, (B, 512, 64, 64) each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_layer1 = input_layer(3, 32)
        self.conv_layer2 = block_group((32, 48, 48, 48), stride=2)
        self.conv_layer3 = block_group((48, 64, 64, 64), stride=2)
        self.condition_scale3 = _condition()
        self.condition_shift3 = _condition()

    def forward(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv_layer1(residual)  # (B,3,256,256) -> (B,32,256,256)
        x = self.conv_layer2(x)  # -> (B,48,128,128)
        x = self.conv_layer3(x)  # -> (B,64,64,64)
        scale = resize(self.condition_scale3(x), 64)  # -> (B,512,64,64)
        shift = resize(self.condition_shift3(x), 64)  # -> (B,512,64,64)
        return scale, shift


class IrSe50(nn.Module):
    """Face (B, 3, 112, 112), -1 to 1, to a code (B, 512) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = input_layer(3, 64)
        self.body = ir_se50_body()
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 512),
            nn.BatchNorm1d(512),
        )

    def forward(self, face: Tensor) -> Tensor:
        x = self.body(self.input_layer(face))  # (B,3,112,112) -> (B,512,7,7)
        code: Tensor = self.output_layer(x)  # -> (B,512)
        return nn.functional.normalize(code)
