# SPDX-License-Identifier: GPL-3.0-or-later
"""Deep3D's reconstruction network: ResNet-50 and seven heads, a face to 257 coefficients."""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEADS = (80, 64, 80, 3, 27, 2, 1)
"""Identity, expression, texture, angles, light, translation in x and y, and in z."""
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Inner channels, blocks, stride of the first."""


class Bottleneck(nn.Module):
    """(B, inner, H, W) -> (B, 4*width, H/stride, W/stride); the stride is in the 3x3."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        outer = 4 * width
        self.conv1 = nn.Conv2d(inner, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outer, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU()
        if stride != 1 or inner != outer:
            self.downsample: nn.Module = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )
        else:
            self.downsample = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))  # (B,inner,H,W) -> (B,width,H,W)
        out = self.relu(self.bn2(self.conv2(out)))  # -> (B,width,H/stride,W/stride)
        out = self.bn3(self.conv3(out))  # -> (B,4*width,H/stride,W/stride)
        result: Tensor = self.relu(out + self.downsample(x))
        return result


class ResNet50(nn.Module):
    """Picture (B, 3, 224, 224) to features (B, 2048, 7, 7)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        inner = 64
        for index, (width, blocks, stride) in enumerate(STAGES, 1):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(Bottleneck(inner, width, stride if block == 0 else 1))
                inner = 4 * width
            setattr(self, f"layer{index}", stage)

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(image)))  # (B,3,224,224) -> (B,64,112,112)
        x = self.maxpool(x)  # -> (B,64,56,56)
        for index in range(1, 5):
            x = getattr(self, f"layer{index}")(x)  # 256, 512, 1024, 2048 at 56, 28, 14, 7
        return x


class Deep3dRecon(nn.Module):
    """Face (B, 3, 224, 224), 0 to 1, to coefficients (B, 257)."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet50()
        self.final_layers = nn.ModuleList(nn.Conv2d(2048, size, 1) for size in HEADS)
        for head in self.final_layers:  # training starts at the mean face
            for parameter in head.parameters():
                nn.init.zeros_(parameter)

    def forward(self, image: Tensor) -> Tensor:
        x = self.backbone(image).mean(dim=(2, 3), keepdim=True)  # -> (B,2048,1,1)
        return torch.cat([head(x) for head in self.final_layers], dim=1).flatten(1)  # -> (B,257)
