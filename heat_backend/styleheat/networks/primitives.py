# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers that several of the networks share; attribute names are the checkpoints' keys.

Shapes are (B, C, H, W) unless said. Sizes that a layer changes stand at its ``forward``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEAK = 0.2  # negative slope of every leaky ReLU of StyleGAN2
GAIN = math.sqrt(2.0)  # keeps the variance after leaky ReLU (StyleGAN2)


def blur_kernel(gain: float = 1.0) -> Tensor:
    """Return outer([1, 3, 3, 1]) scaled to the sum ``gain``, (4, 4)."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = torch.outer(line, line)
    return kernel * (gain / 64.0)


def upfirdn(x: Tensor, kernel: Tensor, up: int, down: int, pad: tuple[int, int]) -> Tensor:
    """Upsample by zeros, pad, FIR-filter each channel, downsample (StyleGAN2's upfirdn2d).

    Parameters
    ----------
    x : Tensor
        (B, C, H, W).
    kernel : Tensor
        (k, k); convolved, so it is flipped for the correlation.
    up, down : int
        Zeros put in so that every ``up``-th sample is one; every ``down``-th result kept.
    pad : (int, int)
        Zeros left and above, right and below.

    Returns
    -------
    Tensor
        (B, C, (H*up + pad0 + pad1 - k) // down + 1, the same of W).
    """
    batch, channels, height, width = x.shape
    if up > 1:
        spread = x.new_zeros(batch, channels, height, up, width, up)
        spread[:, :, :, 0, :, 0] = x
        x = spread.view(batch, channels, height * up, width * up)  # (B,C,H,W) -> (B,C,uH,uW)
    x = F.pad(x, (pad[0], pad[1], pad[0], pad[1]))  # -> (B,C,uH+p,uW+p)
    weight = kernel.flip(0, 1).to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(x, weight, stride=down, groups=channels)  # -> (B,C,(uH+p-k)/d+1,...)


def fused_leaky_relu(x: Tensor, bias: Tensor) -> Tensor:
    """Return sqrt(2) * leaky_relu(x + bias, 0.2), bias by channel (dim 1)."""
    shape = [1, -1] + [1] * (x.ndim - 2)
    return F.leaky_relu(x + bias.view(shape), LEAK) * GAIN


class FusedLeakyReLU(nn.Module):
    """Bias, leaky ReLU and a gain that keeps the variance."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return fused_leaky_relu(x, self.bias)


class ScaledLeakyReLU(nn.Module):
    """The same without a bias."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, LEAK) * GAIN


class EqualConv2d(nn.Module):
    """Convolution whose weight is scaled at run time by 1/sqrt(fan in)."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int = 1, padding: int = 0,
                 bias: bool = True) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outer)) if bias else None
        self.scale = 1.0 / math.sqrt(inner * kernel * kernel)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        # (B,inner,H,W) -> (B,outer,H/stride,W/stride)
        return F.conv2d(x, self.weight * self.scale, self.bias, self.stride, self.padding)


class EqualLinear(nn.Module):
    """Linear layer whose weight is scaled at run time; ``activation`` adds the leaky ReLU."""

    def __init__(self, inner: int, outer: int, bias_init: float = 0.0, lr_mul: float = 1.0,
                 activation: bool = False) -> None:  # fmt: skip
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outer, inner) / lr_mul)
        self.bias = nn.Parameter(torch.full((outer,), bias_init))
        self.scale, self.lr_mul = lr_mul / math.sqrt(inner), lr_mul
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        if self.activation:
            x = F.linear(x, self.weight * self.scale)  # (B,inner) -> (B,outer)
            return fused_leaky_relu(x, self.bias * self.lr_mul)
        return F.linear(x, self.weight * self.scale, self.bias * self.lr_mul)  # -> (B,outer)


class Blur(nn.Module):
    """Smooth every channel."""

    kernel: Tensor

    def __init__(self, pad: tuple[int, int], gain: float = 1.0) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(gain))
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.kernel, 1, 1, self.pad)  # (B,C,H,W) -> (B,C,H+p-3,W+p-3)


class Upsample(nn.Module):
    """Twice the size, smooth."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(4.0))

    def forward(self, x: Tensor) -> Tensor:
        return upfirdn(x, self.kernel, 2, 1, (2, 1))  # (B,C,H,W) -> (B,C,2H,2W)


def conv_layer(
    inner: int, outer: int, kernel: int, downsample: bool = False, activate: bool = True,
    bias: bool = True,
) -> nn.Sequential:  # fmt: skip
    """Build blur (when halving), scaled convolution and activation, numbered as published.

    The bias is the activation's; without one the convolution has none either.
    """
    if downsample:
        pad = 2 + (kernel - 1)
        layers: list[nn.Module] = [
            Blur(((pad + 1) // 2, pad // 2)),
            EqualConv2d(inner, outer, kernel, stride=2, bias=bias and not activate),
        ]
    else:
        layers = [
            EqualConv2d(inner, outer, kernel, padding=kernel // 2, bias=bias and not activate)
        ]
    if activate:
        layers.append(FusedLeakyReLU(outer) if bias else ScaledLeakyReLU())
    return nn.Sequential(*layers)


class DownBlock(nn.Module):
    """Residual block at half the size: (B, inner, H, W) -> (B, outer, H/2, W/2)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv1 = conv_layer(inner, inner, 3)
        self.conv2 = conv_layer(inner, outer, 3, downsample=True)
        self.skip = conv_layer(inner, outer, 1, downsample=True, activate=False, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))  # (B,inner,H,W) -> (B,outer,H/2,W/2)
        return (out + self.skip(x)) / GAIN


class LayerNorm2d(nn.Module):
    """Normalise each item over all its channels and places."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[1:]) * self.weight + self.bias


class Adain(nn.Module):
    """Adaptive instance normalisation: scale and shift predicted from a code (arXiv 1703.06868).

    Parameters
    ----------
    channels : int
        Of the feature (B, channels, H, W).
    code : int
        Of the code (B, code).
    """

    def __init__(self, channels: int, code: int, hidden: int = 128) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(code, hidden), nn.ReLU())
        self.mlp_gamma = nn.Linear(hidden, channels)
        self.mlp_beta = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        h = self.mlp_shared(z)  # (B,code) -> (B,128)
        gamma = self.mlp_gamma(h)[:, :, None, None]  # (B,128) -> (B,C,1,1)
        beta = self.mlp_beta(h)[:, :, None, None]  # (B,128) -> (B,C,1,1)
        return F.instance_norm(x) * (1 + gamma) + beta
