# SPDX-License-Identifier: GPL-3.0-or-later
"""The StyleGAN2 discriminator at 256 px (for training)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from heat_backend.styleheat.networks.primitives import DownBlock, EqualLinear, conv_layer

CHANNELS = (128, 256, 512, 512, 512, 512, 512)
"""From 256 px down to 4 px."""
GROUP = 4


class Discriminator(nn.Module):
    """Pictures (B, 3, 256, 256), -1 to 1, to logits (B, 1); B up to 4 or a multiple of it."""

    def __init__(self) -> None:
        super().__init__()
        pairs = pairwise(CHANNELS)
        blocks = (DownBlock(inner, outer) for inner, outer in pairs)
        self.convs = nn.Sequential(conv_layer(3, CHANNELS[0], 1), *blocks)
        self.final_conv = conv_layer(CHANNELS[-1] + 1, 512, 3)
        self.final_linear = nn.Sequential(
            EqualLinear(512 * 4 * 4, 512, activation=True), EqualLinear(512, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        x = self.convs(images)  # (B,3,256,256) -> (B,512,4,4)
        x = torch.cat([x, group_spread(x)], dim=1)  # -> (B,513,4,4)
        x = self.final_conv(x).flatten(1)  # -> (B,512,4,4) -> (B,8192)
        logits: Tensor = self.final_linear(x)  # -> (B,1)
        return logits


def group_spread(x: Tensor) -> Tensor:
    """Return the mean deviation within groups of pictures, (B, C, H, W) -> (B, 1, H, W)."""
    batch, channels, height, width = x.shape
    group = min(batch, GROUP)
    members = x.view(group, batch // group, channels, height, width)
    spread = torch.sqrt(members.var(dim=0, correction=0) + 1e-8)  # -> (B/group,C,H,W)
    spread = spread.mean(dim=(1, 2, 3))[:, None, None, None]  # -> (B/group,1,1,1)
    return spread.repeat(group, 1, height, width)  # -> (B,1,H,W)
