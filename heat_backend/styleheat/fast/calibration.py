# SPDX-License-Identifier: GPL-3.0-or-later
"""The calibration network with the two tensors only that the generator uses.

In half precision, what lies below 64 px stays in float32: it is a tenth of the work and three
quarters of the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from heat_backend.styleheat.fast.folded import FoldedConv, Place, plain, sequence
from heat_backend.styleheat.networks.calibration import (
    SLOPE,
    CalibrationNet,
    ConvUpLayer,
    InjectBlock,
    UpBlock,
)
from heat_backend.styleheat.networks.flow import resize
from heat_backend.styleheat.networks.primitives import (
    GAIN,
    LEAK,
    Adain,
    DownBlock,
    FusedLeakyReLU,
)

HALF = 1.0 / GAIN
"""The residual blocks divide their sum by sqrt(2); here both branches come divided."""


def _run(layers: list[FoldedConv], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


@dataclass(frozen=True)
class _Down:
    body: list[FoldedConv]
    skip: list[FoldedConv]

    @classmethod
    def of(cls, block: DownBlock, place: Place) -> _Down:
        body = sequence(block.conv1, place) + sequence(block.conv2, place, HALF)
        return cls(body, sequence(block.skip, place, HALF))

    def __call__(self, x: Tensor) -> Tensor:
        return _run(self.body, x).add_(_run(self.skip, x))  # (1,256,H,W) -> (1,256,H/2,W/2)


@dataclass(frozen=True)
class _Up:
    conv1: list[FoldedConv]
    conv2: FoldedConv
    skip: FoldedConv

    @classmethod
    def of(cls, block: UpBlock, place: Place) -> _Up:
        return cls(
            sequence(block.conv1, place), _up_conv(block.conv2, place), _up_conv(block.skip, place)
        )

    def __call__(self, x: Tensor) -> Tensor:
        out = self.conv2(_twice(_run(self.conv1, x)))  # (1,256,H,W) -> (1,256,2H,2W)
        return out.add_(_twice(self.skip(x)))  # a 1x1 and a resize may change places


def _twice(x: Tensor) -> Tensor:
    return resize(x, (2 * x.shape[2], 2 * x.shape[3]))  # (1,C,H,W) -> (1,C,2H,2W)


def _up_conv(layer: ConvUpLayer, place: Place) -> FoldedConv:
    """Fold the convolution and activation of a layer, and the block's division."""
    act = layer.activation
    active = isinstance(act, FusedLeakyReLU)
    factor = HALF * (GAIN if active else 1.0)
    return FoldedConv(
        place.weight(layer.weight * (layer.scale * factor)),
        place.bias(act.bias * factor) if isinstance(act, FusedLeakyReLU) else None,
        padding=layer.padding,
        slope=LEAK if active else None,
    )


@dataclass(frozen=True)
class _Inject:
    conv1: FoldedConv
    conv2: FoldedConv
    norm1: Adain
    norm2: Adain

    @classmethod
    def of(cls, block: InjectBlock, place: Place) -> _Inject:
        return cls(plain(block.conv1, place), plain(block.conv2, place), block.norm1, block.norm2)

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        x = F.leaky_relu_(_normed(self.conv1(x), self.norm1, z), SLOPE)
        return _normed(self.conv2(x), self.norm2, z).add_(x)


def _normed(x: Tensor, norm: Adain, z: Tensor) -> Tensor:
    """Normalise, scale and shift in one pass; statistics and factors in float32."""
    var, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)  # (1,C,1,1)
    h = norm.mlp_shared(z)  # (1,256) -> (1,128)
    scale = torch.rsqrt(var + 1e-5) * (1 + norm.mlp_gamma(h)[:, :, None, None])
    shift = norm.mlp_beta(h)[:, :, None, None] - mean * scale
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


@dataclass(frozen=True)
class PortraitCalibration:
    """Mends the warped feature: (1, 512, 64, 64) -> (1, 512, 64, 64)."""

    net: CalibrationNet
    first: list[FoldedConv]
    down: list[_Down]
    final: list[FoldedConv]
    up: list[_Up]
    inject: list[_Inject]
    heads: FoldedConv
    """Both heads' first convolutions in one: (1, 256, 64, 64) -> (1, 512, 64, 64)."""
    scale: FoldedConv
    shift: FoldedConv

    @classmethod
    def of(cls, net: CalibrationNet, place: Place) -> PortraitCalibration:
        """Fold the network's weights."""
        below = Place(place.device, torch.float32)
        places = [*[below] * (len(net.conv_body_up) - 1), place]
        scale = sequence(net.condition_scale[-1], place)
        shift = sequence(net.condition_shift[-1], place)
        biases = [layer.bias for layer in (scale[0], shift[0]) if layer.bias is not None]
        heads = FoldedConv(
            place.weight(torch.cat([scale[0].weight, shift[0].weight])),
            torch.cat(biases),
            padding=scale[0].padding,
            slope=LEAK,
        )
        return cls(
            net,
            sequence(net.conv_body_first, below),
            [_Down.of(block, below) for block in net.conv_body_down],  # type: ignore[arg-type]
            sequence(net.final_conv, below),
            [_Up.of(b, p) for b, p in zip(net.conv_body_up, places, strict=True)],  # type: ignore[arg-type]
            [_Inject.of(b, p) for b, p in zip(net.inject_3dmm, places, strict=True)],  # type: ignore[arg-type]
            heads,
            scale[1],
            shift[1],
        )

    def __call__(self, feature: Tensor, descriptor: Tensor) -> Tensor:
        """Scale and shift the warped feature as the descriptor (1, 256, 1) asks."""
        x = _run(self.first, feature)  # (1,512,64,64) -> (1,256,64,64)
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)  # (1,256,H,W) -> (1,256,H/2,W/2)
            skips.append(x)
        x = _run(self.final, x)
        z = self.net.linear_3dmm(descriptor.flatten(1))  # (1,256,1) -> (1,256)
        for up, inject in zip(self.up, self.inject, strict=True):
            x = (x + skips.pop()).to(inject.conv1.weight.dtype)
            x = inject(up(x), z)  # (1,256,H,W) -> (1,256,2H,2W)
        x = self.heads(x)  # (1,256,64,64) -> (1,512,64,64)
        half = x.shape[1] // 2
        scale = self.scale(x[:, :half])  # (1,256,64,64) -> (1,512,64,64)
        shift = self.shift(x[:, half:])  # (1,256,64,64) -> (1,512,64,64)
        return torch.addcmul(shift.to(feature.dtype), feature, scale.to(feature.dtype) + 1.0)
