# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's networks for one portrait, with everything that no frame changes computed once.

- Convolutions: weight scale, style modulation and demodulation (StyleGAN2, arXiv 1912.04958,
  section 2.2) and the activation's gain are positive factors, which leaky ReLU lets through; they
  are folded into weight and bias.
- Flow: the warper's first feature and its instance statistics depend on the picture only.
- Calibration: of the network's eight tensors only the two that the generator reads. In half
  precision, what lies below 64 px stays in float32: a tenth of the work, three quarters of the
  error.
- Generator: only what is above 64 px is run per frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.calibration import (
    INJECT_SLOPE,
    CalibrationNet,
    ConvUpLayer,
    InjectBlock,
    UpBlock,
)
from heat_backend.styleheat.networks.flow import deformation, resize
from heat_backend.styleheat.networks.primitives import (
    GAIN,
    LEAK,
    Adain,
    Blur,
    DownBlock,
    EqualConv2d,
    FusedLeakyReLU,
    ScaledLeakyReLU,
    blur_kernel,
)
from heat_backend.styleheat.networks.stylegan import INJECTION, Generator, StyledConv, ToRgb
from heat_backend.styleheat.networks.warper import STAGES, WARPER_SLOPE, WarpingNet


@dataclass(frozen=True)
class Placement:
    """Device and precision of a computation."""

    device: torch.device
    dtype: torch.dtype

    def weight(self, tensor: Tensor) -> Tensor:
        """Move a convolution's weight, in channels-last layout, which cuDNN computes faster."""
        moved = tensor.detach().to(self.device, self.dtype)
        return moved.contiguous(memory_format=torch.channels_last)

    def bias(self, tensor: Tensor | None) -> Tensor | None:
        """Move a bias."""
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


def fold_styled_conv(layer: StyledConv, w: Tensor, place: Placement) -> FoldedConv | FoldedUpConv:
    """Fold a layer of the generator for one row (1, 512) of W+."""
    weight = layer.conv.modulated(w)[0] * GAIN
    bias = place.bias(layer.activate.bias * GAIN)
    if not layer.conv.up:
        return FoldedConv(place.weight(weight), bias, padding=1, slope=LEAK)
    outer = len(weight)
    kernel = layer.conv.blur.kernel.flip(0, 1).expand(outer, 1, -1, -1)
    blur = FoldedConv(place.weight(kernel), bias, padding=1, groups=outer, slope=LEAK)
    return FoldedUpConv(place.weight(weight.transpose(0, 1)), blur)


def fold_to_rgb(layer: ToRgb, w: Tensor, place: Placement) -> FoldedConv:
    """Fold a toRGB layer for one row (1, 512) of W+."""
    return FoldedConv(place.weight(layer.conv.modulated(w)[0]), place.bias(layer.bias.flatten()))


def fold_sequence(layers: nn.Module, place: Placement, gain: float = 1.0) -> list[FoldedConv]:
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
    folded: list[FoldedConv] = []
    remaining = list(layers)
    while remaining:
        layer = remaining.pop(0)
        if isinstance(layer, Blur):
            folded.append(fold_blur(layer, remaining[0], place))
            continue
        assert isinstance(layer, EqualConv2d)
        activation = (
            remaining.pop(0)
            if remaining and not isinstance(remaining[0], EqualConv2d | Blur)
            else None
        )
        factor = (gain if not remaining else 1.0) * (GAIN if activation is not None else 1.0)
        folded.append(fold_equal_conv(layer, activation, factor, place))
    return folded


def fold_equal_conv(
    conv: EqualConv2d, activation: nn.Module | None, factor: float, place: Placement
) -> FoldedConv:
    """Fold one scaled convolution, its activation and a factor."""
    assert activation is None or isinstance(activation, FusedLeakyReLU | ScaledLeakyReLU)
    bias = activation.bias if isinstance(activation, FusedLeakyReLU) else conv.bias
    return FoldedConv(
        place.weight(conv.weight * (conv.scale * factor)),
        place.bias(None if bias is None else bias * factor),
        conv.stride,
        conv.padding,
        slope=None if activation is None else LEAK,
    )


def fold_blur(blur: Blur, following: nn.Module, place: Placement) -> FoldedConv:
    """Fold a blur before a convolution of stride 2; before a 1x1, it skips what is not read."""
    assert isinstance(following, EqualConv2d)
    channels = following.weight.shape[1]
    kernel = blur.kernel.flip(0, 1).expand(channels, 1, -1, -1)
    assert blur.pad[0] == blur.pad[1]
    return FoldedConv(place.weight(kernel), None, padding=blur.pad[0], groups=channels)


def fold_conv(conv: nn.Conv2d, place: Placement, slope: float | None = None) -> FoldedConv:
    """Wrap an ordinary convolution, unchanged."""
    padding, stride = conv.padding[0], conv.stride[0]
    assert isinstance(padding, int)
    return FoldedConv(
        place.weight(conv.weight), place.bias(conv.bias), stride, padding, slope=slope
    )


def rgb_upsample_kernel(device: torch.device) -> Tensor:
    """Return the kernel of :func:`upsample_rgb`, (3, 1, 4, 4) float32."""
    return blur_kernel(4.0).to(device).expand(3, 1, -1, -1).contiguous()


def upsample_rgb(rgb: Tensor, kernel: Tensor) -> Tensor:
    """Upsample an RGB image (1, 3, H, W) by 2 as the generator does.

    Spreading the samples and blurring them is a transposed convolution by the same kernel.
    """
    return F.conv_transpose2d(rgb, kernel, stride=2, padding=1, groups=3)  # -> (1,3,2H,2W)


def _modulate(normed: Tensor, norm: Adain, z: Tensor) -> Tensor:
    """Scale and shift a normalised feature by the code, then activate."""
    h = norm.mlp_shared(z)  # (1,256) -> (1,128)
    gamma = norm.mlp_gamma(h)[:, :, None, None]  # -> (1,C,1,1)
    beta = norm.mlp_beta(h)[:, :, None, None]  # -> (1,C,1,1)
    return F.leaky_relu_(torch.addcmul(beta, normed, 1 + gamma), WARPER_SLOPE)


@dataclass(frozen=True)
class PortraitFlow:
    """The warper for one portrait: descriptor to deformation of the feature."""

    net: WarpingNet
    first: Tensor
    """(1, 32, 256, 256), the input layer's feature, normalised."""

    @classmethod
    def of(cls, net: WarpingNet, ix: Tensor) -> PortraitFlow:
        """Compute what depends on the picture (1, 3, 256, 256) only."""
        return cls(net, F.instance_norm(net.hourglass.encoder.input_layer(ix)))

    def __call__(self, descriptor: Tensor) -> Tensor:
        """Turn a descriptor (1, 256, 1) into a deformation (1, 64, 64, 2)."""
        z = descriptor.flatten(1)  # (1,256,1) -> (1,256)
        encoder = self.net.hourglass.encoder
        features = [self.first]
        for i in range(STAGES):
            block = getattr(encoder, f"encoder{i}")
            if i > 0:
                features.append(block(features[-1], z))  # H,W -> H/2,W/2
                continue
            x = block.conv_0(_modulate(self.first, block.norm_0, z))  # -> (1,64,128,128)
            features.append(block.conv_1(F.leaky_relu_(block.norm_1(x, z), WARPER_SLOPE)))
        feature = self.net.hourglass.decoder(features, z)  # -> (1,256,64,64)
        return deformation(self.net.flow_out(feature))  # (1,2,64,64) -> (1,64,64,2)


HALF_GAIN = 1.0 / GAIN
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
    def of(cls, block: DownBlock, place: Placement) -> _Down:
        body = fold_sequence(block.conv1, place) + fold_sequence(block.conv2, place, HALF_GAIN)
        return cls(body, fold_sequence(block.skip, place, HALF_GAIN))

    def __call__(self, x: Tensor) -> Tensor:
        return _run(self.body, x).add_(_run(self.skip, x))  # (1,256,H,W) -> (1,256,H/2,W/2)


@dataclass(frozen=True)
class _Up:
    conv1: list[FoldedConv]
    conv2: FoldedConv
    skip: FoldedConv

    @classmethod
    def of(cls, block: UpBlock, place: Placement) -> _Up:
        return cls(
            fold_sequence(block.conv1, place),
            _up_conv(block.conv2, place),
            _up_conv(block.skip, place),
        )

    def __call__(self, x: Tensor) -> Tensor:
        out = self.conv2(_double_size(_run(self.conv1, x)))  # (1,256,H,W) -> (1,256,2H,2W)
        return out.add_(_double_size(self.skip(x)))  # a 1x1 and a resize may change places


def _double_size(x: Tensor) -> Tensor:
    return resize(x, (2 * x.shape[2], 2 * x.shape[3]))  # (1,C,H,W) -> (1,C,2H,2W)


def _up_conv(layer: ConvUpLayer, place: Placement) -> FoldedConv:
    """Fold the convolution and activation of a layer, and the block's division."""
    activation = layer.activation
    active = isinstance(activation, FusedLeakyReLU)
    factor = HALF_GAIN * (GAIN if active else 1.0)
    return FoldedConv(
        place.weight(layer.weight * (layer.scale * factor)),
        place.bias(activation.bias * factor) if isinstance(activation, FusedLeakyReLU) else None,
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
    def of(cls, block: InjectBlock, place: Placement) -> _Inject:
        return cls(
            fold_conv(block.conv1, place), fold_conv(block.conv2, place), block.norm1, block.norm2
        )

    def __call__(self, x: Tensor, z: Tensor) -> Tensor:
        x = F.leaky_relu_(_adain(self.conv1(x), self.norm1, z), INJECT_SLOPE)
        return _adain(self.conv2(x), self.norm2, z).add_(x)


def _adain(x: Tensor, norm: Adain, z: Tensor) -> Tensor:
    """Normalise, scale and shift in one pass; statistics and factors in float32."""
    var, mean = torch.var_mean(x.float(), dim=(2, 3), correction=0, keepdim=True)  # (1,C,1,1)
    h = norm.mlp_shared(z)  # (1,256) -> (1,128)
    scale = torch.rsqrt(var + 1e-5) * (1 + norm.mlp_gamma(h)[:, :, None, None])
    shift = norm.mlp_beta(h)[:, :, None, None] - mean * scale
    return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


@dataclass(frozen=True)
class PortraitCalibration:
    """Corrects the warped feature: (1, 512, 64, 64) -> (1, 512, 64, 64)."""

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
    def of(cls, net: CalibrationNet, place: Placement) -> PortraitCalibration:
        """Fold the network's weights."""
        below = Placement(place.device, torch.float32)
        places = [*[below] * (len(net.conv_body_up) - 1), place]
        scale = fold_sequence(net.condition_scale[-1], place)
        shift = fold_sequence(net.condition_shift[-1], place)
        biases = [layer.bias for layer in (scale[0], shift[0]) if layer.bias is not None]
        heads = FoldedConv(
            place.weight(torch.cat([scale[0].weight, shift[0].weight])),
            torch.cat(biases),
            padding=scale[0].padding,
            slope=LEAK,
        )
        return cls(
            net,
            fold_sequence(net.conv_body_first, below),
            [_Down.of(block, below) for block in net.conv_body_down],  # type: ignore[arg-type]
            fold_sequence(net.final_conv, below),
            [_Up.of(b, p) for b, p in zip(net.conv_body_up, places, strict=True)],  # type: ignore[arg-type]
            [_Inject.of(b, p) for b, p in zip(net.inject_3dmm, places, strict=True)],  # type: ignore[arg-type]
            heads,
            scale[1],
            shift[1],
        )

    def __call__(self, feature: Tensor, descriptor: Tensor) -> Tensor:
        """Scale and shift the warped feature, conditioned on the descriptor (1, 256, 1)."""
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


FLOAT16_CLAMP = 256.0
"""Bound of features in float16, far above what they reach; as StyleGAN's training does."""


@dataclass(frozen=True)
class _Resolution:
    up_conv: FoldedConv | FoldedUpConv | None
    conv: FoldedConv | FoldedUpConv
    to_rgb: FoldedConv


@dataclass(frozen=True)
class UpperGenerator:
    """Feature (1, 512, 64, 64) to picture (1, 3, size, size)."""

    start: Tensor
    """(1, 3, 64, 64) float32, the RGB skip sum below 64 px, which no frame changes."""
    kernel: Tensor
    """(3, 1, 4, 4), upsamples the RGB skip."""
    resolutions: list[_Resolution]
    clamp: bool

    @classmethod
    def of(cls, net: Generator, wplus: Tensor, place: Placement) -> UpperGenerator:
        """Run what is below the injection, and fold what is above, for codes (1, rows, 512)."""
        _, rgb = net.below_injection(wplus)  # rgb (1,3,32,32)
        layers = []
        for index in range(INJECTION, len(net.to_rgbs)):
            rows = [wplus[:, 2 * index + turn] for turn in (1, 2, 3)]
            up_conv = None
            if index > INJECTION:
                up_conv = fold_styled_conv(net.convs[2 * index], rows[0], place)  # type: ignore[arg-type]
            conv = fold_styled_conv(net.convs[2 * index + 1], rows[1], place)  # type: ignore[arg-type]
            rgb_layer = fold_to_rgb(net.to_rgbs[index], rows[2], place)  # type: ignore[arg-type]
            layers.append(_Resolution(up_conv, conv, rgb_layer))
        clamp = place.dtype == torch.float16  # bfloat16 has the range of float32
        kernel = rgb_upsample_kernel(place.device)
        return cls(upsample_rgb(rgb, kernel), kernel, layers, clamp)

    def __call__(self, x: Tensor) -> Tensor:
        rgb = self.start
        for layer in self.resolutions:
            if layer.up_conv is not None:
                rgb = upsample_rgb(rgb, self.kernel)  # (1,3,H,W) -> (1,3,2H,2W)
                x = self._clamped(layer.up_conv(x))  # (1,c,H,W) -> (1,c/2,2H,2W)
            x = self._clamped(layer.conv(x))
            rgb = rgb + layer.to_rgb(x)  # (1,c,H,W) -> (1,3,H,W), summed in float32
        return rgb

    def _clamped(self, x: Tensor) -> Tensor:
        return x.clamp_(-FLOAT16_CLAMP, FLOAT16_CLAMP) if self.clamp else x
