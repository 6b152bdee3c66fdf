# SPDX-License-Identifier: GPL-3.0-or-later
"""Convolutions with everything constant folded into their weight and bias.

Scales of the weights, styles and their norms, the activation's gain: all are factors, and the
leaky ReLU lets positive factors through, so they can be multiplied into the weight beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.primitives import (
    GAIN,
    LEAK,
    Blur,
    EqualConv2d,
    FusedLeakyReLU,
    ScaledLeakyReLU,
    blur_kernel,
)
from heat_backend.styleheat.networks.stylegan import StyledConv, ToRgb


@dataclass(frozen=True)
class Place:
    """Where and how exactly to compute."""

    device: torch.device
    dtype: torch.dtype

    def weight(self, tensor: Tensor) -> Tensor:
        """Bring a convolution's weight there, channels last (what the fast kernels read)."""
        moved = tensor.detach().to(self.device, self.dtype)
        return moved.contiguous(memory_format=torch.channels_last)

    def bias(self, tensor: Tensor | None) -> Tensor | None:
        """Bring a bias there."""
        return None if tensor is None else tensor.detach().to(self.device, self.dtype).contiguous()


@dataclass(frozen=True)
class FoldedConv:
    """Convolution, bias, and a leaky ReLU where ``slope`` is given."""

    weight: Tensor
    """(outer, inner / groups, k, k)."""
    bias: Tensor | None
    stride: int = 1
    padding: int = 0
    groups: int = 1
    slope: float | None = None

    def __call__(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)
        return x if self.slope is None else F.leaky_relu_(x, self.slope)


@dataclass(frozen=True)
class FoldedUpConv:
    """Transposed convolution to twice the size, blur, bias and leaky ReLU."""

    weight: Tensor
    """(inner, outer, 3, 3)."""
    blur: FoldedConv

    def __call__(self, x: Tensor) -> Tensor:
        x = F.conv_transpose2d(x, self.weight, stride=2)  # (B,inner,H,W) -> (B,outer,2H+1,2W+1)
        return self.blur(x)  # -> (B,outer,2H,2W)


def styled(layer: StyledConv, w: Tensor, place: Place) -> FoldedConv | FoldedUpConv:
    """Fold a layer of the generator for one row (1, 512) of W+."""
    weight = layer.conv.modulated(w)[0] * GAIN
    bias = place.bias(layer.activate.bias * GAIN)
    if not layer.conv.up:
        return FoldedConv(place.weight(weight), bias, padding=1, slope=LEAK)
    outer = len(weight)
    kernel = layer.conv.blur.kernel.flip(0, 1).expand(outer, 1, -1, -1)
    blur = FoldedConv(place.weight(kernel), bias, padding=1, groups=outer, slope=LEAK)
    return FoldedUpConv(place.weight(weight.transpose(0, 1)), blur)


def colours(layer: ToRgb, w: Tensor, place: Place) -> FoldedConv:
    """Fold the step from feature to colours for one row (1, 512) of W+."""
    return FoldedConv(place.weight(layer.conv.modulated(w)[0]), place.bias(layer.bias.flatten()))


def sequence(layers: nn.Module, place: Place, gain: float = 1.0) -> list[FoldedConv]:
    """Fold blurs, scaled convolutions and activations of an ``nn.Sequential``.

    Parameters
    ----------
    layers : Module
        As :func:`~heat_backend.styleheat.networks.primitives.conv_layer` builds them,
        or several in a row.
    gain : float
        Factor on the last layer's output; not negative.
    """
    assert isinstance(layers, nn.Sequential)
    found: list[FoldedConv] = []
    rest = list(layers)
    while rest:
        layer = rest.pop(0)
        if isinstance(layer, Blur):
            found.append(_blur(layer, rest[0], place))
            continue
        assert isinstance(layer, EqualConv2d)
        act = rest.pop(0) if rest and not isinstance(rest[0], EqualConv2d | Blur) else None
        factor = (gain if not rest else 1.0) * (GAIN if act is not None else 1.0)
        found.append(scaled(layer, act, factor, place))
    return found


def scaled(conv: EqualConv2d, act: nn.Module | None, factor: float, place: Place) -> FoldedConv:
    """Fold one scaled convolution, its activation and a factor."""
    assert act is None or isinstance(act, FusedLeakyReLU | ScaledLeakyReLU)
    bias = act.bias if isinstance(act, FusedLeakyReLU) else conv.bias
    return FoldedConv(
        place.weight(conv.weight * (conv.scale * factor)),
        place.bias(None if bias is None else bias * factor),
        conv.stride,
        conv.padding,
        slope=None if act is None else LEAK,
    )


def _blur(blur: Blur, following: nn.Module, place: Place) -> FoldedConv:
    """Fold a blur before a convolution of stride 2; before a 1x1, it skips what is not read."""
    assert isinstance(following, EqualConv2d)
    channels = following.weight.shape[1]
    kernel = blur.kernel.flip(0, 1).expand(channels, 1, -1, -1)
    assert blur.pad[0] == blur.pad[1]
    return FoldedConv(place.weight(kernel), None, padding=blur.pad[0], groups=channels)


def plain(conv: nn.Conv2d, place: Place, slope: float | None = None) -> FoldedConv:
    """Take an ordinary convolution as it is."""
    padding, stride = conv.padding[0], conv.stride[0]
    assert isinstance(padding, int)
    return FoldedConv(
        place.weight(conv.weight), place.bias(conv.bias), stride, padding, slope=slope
    )


def colour_kernel(device: torch.device) -> Tensor:
    """Return the kernel of :func:`raise_colours`, (3, 1, 4, 4) float32."""
    return blur_kernel(4.0).to(device).expand(3, 1, -1, -1).contiguous()


def raise_colours(rgb: Tensor, kernel: Tensor) -> Tensor:
    """Bring colours (1, 3, H, W) to twice the size as the generator does.

    Spreading the samples and blurring them is a transposed convolution by the same kernel.
    """
    return F.conv_transpose2d(rgb, kernel, stride=2, padding=1, groups=3)  # -> (1,3,2H,2W)
