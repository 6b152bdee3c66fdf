# SPDX-License-Identifier: GPL-3.0-or-later
"""The e4e encoder: a picture to W+ codes, as offsets from the average code."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from heat_backend.styleheat.flow import resize
from heat_backend.styleheat.ir_blocks import input_layer, ir_se50_body
from heat_backend.styleheat.primitives import EqualLinear

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
    """The average code that the encoder's rows are relative to."""

    latent_avg: Tensor
    """(18, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("latent_avg", torch.zeros(ROWS, 512))

    def forward(self, rows: Tensor) -> Tensor:
        return rows + self.latent_avg
