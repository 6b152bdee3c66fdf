# SPDX-License-Identifier: GPL-3.0-or-later
"""Residual blocks of the encoders (improved ResNet, with or without squeeze and excitation)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

IR_SE50 = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and number of blocks of each group; the first block of a group halves the size."""


class SqueezeExcite(nn.Module):
    """Scale every channel by what the whole picture says."""

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
