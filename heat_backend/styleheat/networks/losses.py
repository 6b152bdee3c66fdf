# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of losses: VGG19 with the perceptual loss, and the StyleGAN2 discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.primitives import DownBlock, EqualLinear, conv_layer

PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512)
"""Channels of each 3x3 convolution; 0 is a max-pool."""
TAPS = (1, 6, 11, 20, 29)
"""relu_1_1, relu_2_1, relu_3_1, relu_4_1, relu_5_1."""
# ImageNet's, as torchvision normalises.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALES = 4  # as PIRenderer
STYLE_WEIGHT = 250.0  # of the Gram term, as PIRenderer


class Vgg19(nn.Module):
    """Pictures (B, 3, H, W), -1 to 1, to the features of five layers, H to H/16."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        inner = 3
        for outer in PLAN:
            if outer == 0:
                self.features.append(nn.MaxPool2d(2))
                continue
            self.features.append(nn.Conv2d(inner, outer, 3, padding=1))
            self.features.append(nn.ReLU())
            inner = outer

    def forward(self, images: Tensor) -> list[Tensor]:
        mean, std = (images.new_tensor(v)[:, None, None] for v in (MEAN, STD))
        x = ((images + 1) / 2 - mean) / std
        kept: list[Tensor] = []
        for index in range(TAPS[-1] + 1):
            x = self.features[index](x)
            if index in TAPS:
                kept.append(x)  # (B,64,H,W) (B,128,H/2,..) (B,256,H/4) (B,512,H/8) (B,512,H/16)
        return kept


def gram(feature: Tensor) -> Tensor:
    """Gram matrix of a feature, (B, C, H, W) -> (B, C, C)."""
    flat = feature.flatten(2)  # -> (B,C,H*W)
    return flat @ flat.transpose(1, 2) / (flat.shape[1] * flat.shape[2])


def perceptual_loss(net: Vgg19, fake: Tensor, target: Tensor, style: bool = True) -> Tensor:
    """Perceptual loss: L1 of VGG19 features at four scales (arXiv 1603.08155).

    Parameters
    ----------
    net : Vgg19
        With ImageNet's weights.
    fake, target : Tensor
        (B, 3, H, W), -1 to 1; H and W at least 128. The gradient flows to ``fake``.
    style : bool
        Add the Gram matrices' difference at the largest size.

    Returns
    -------
    Tensor
        Scalar.
    """
    total = fake.new_zeros(())
    for scale in range(SCALES):
        if scale > 0:
            fake, target = _half(fake), _half(target)  # H,W -> H/2,W/2
        with torch.no_grad():
            wanted: Sequence[Tensor] = net(target)
        for got, want in zip(net(fake), wanted, strict=True):
            total = total + F.l1_loss(got, want)
            if style and scale == 0:
                total = total + STYLE_WEIGHT * F.l1_loss(gram(got), gram(want))
    return total


def _half(image: Tensor) -> Tensor:
    return F.interpolate(image, scale_factor=0.5, mode="bilinear", align_corners=False)


CHANNELS = (128, 256, 512, 512, 512, 512, 512)
"""From 256 px down to 4 px."""
GROUP = 4  # pictures a minibatch-deviation group (StyleGAN2)


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
    """Minibatch standard deviation, (B, C, H, W) -> (B, 1, H, W)."""
    batch, channels, height, width = x.shape
    group = min(batch, GROUP)
    members = x.view(group, batch // group, channels, height, width)
    spread = torch.sqrt(members.var(dim=0, correction=0) + 1e-8)  # -> (B/group,C,H,W)
    spread = spread.mean(dim=(1, 2, 3))[:, None, None, None]  # -> (B/group,1,1,1)
    return spread.repeat(group, 1, height, width)  # -> (B,1,H,W)
