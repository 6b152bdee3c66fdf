# SPDX-License-Identifier: GPL-3.0-or-later
"""The video and the audio warper: a motion window and the portrait give a flow field at 64 px.

The architecture is PIRenderer's mapping and warping networks (arXiv 2109.08379).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from heat_backend.styleheat.networks.flow import deformation, warp
from heat_backend.styleheat.networks.primitives import Adain, LayerNorm2d

WARPER_SLOPE = 0.1  # of leaky ReLU, as PIRenderer
DESCRIPTOR = 256
STAGES = 5  # halvings, 256 to 8 px
VIDEO_CHANNELS = 73  # values a frame
AUDIO_CHANNELS = 80  # mel bands


@dataclass(frozen=True)
class Warped:
    """Outputs of a warper."""

    descriptor: Tensor
    """(B, 256, 1)."""
    flow_field: Tensor
    """(B, 2, 64, 64), x then y, in pixels."""
    warp_image: Tensor
    """(B, 3, H, W), the input picture warped by the flow."""


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, WARPER_SLOPE)


class MappingNet(nn.Module):
    """A window of motion (B, C, T) becomes one descriptor (B, 256, 1); T is at least 25."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv1d(channels, DESCRIPTOR, 7))
        for index in range(3):
            step = nn.Sequential(
                nn.LeakyReLU(WARPER_SLOPE), nn.Conv1d(DESCRIPTOR, DESCRIPTOR, 3, dilation=3)
            )
            setattr(self, f"encoder{index}", step)

    def forward(self, window: Tensor) -> Tensor:
        x = self.first(window)  # (B,C,T) -> (B,256,T-6)
        for index in range(3):
            x = getattr(self, f"encoder{index}")(x) + x[:, :, 3:-3]  # (B,256,t) -> (B,256,t-6)
        return x.mean(dim=2, keepdim=True)  # (B,256,T-24) -> (B,256,1)


class EncoderBlock(nn.Module):
    """Half the size: norm, act, conv 4 stride 2, norm, act, conv 3."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(inner, outer, 4, stride=2, padding=1)
        self.conv_1 = nn.Conv2d(outer, outer, 3, padding=1)
        self.norm_0 = Adain(inner, DESCRIPTOR)
        self.norm_1 = Adain(outer, DESCRIPTOR)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        x = self.conv_0(_act(self.norm_0(x, z)))  # (B,inner,H,W) -> (B,outer,H/2,W/2)
        out: Tensor = self.conv_1(_act(self.norm_1(x, z)))
        return out


class DecoderBlock(nn.Module):
    """Twice the size, a residual block whose both branches end in a transposed conv."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(inner, outer, 3, padding=1)
        self.conv_1 = nn.ConvTranspose2d(outer, outer, 3, 2, padding=1, output_padding=1)
        self.conv_s = nn.ConvTranspose2d(inner, outer, 3, 2, padding=1, output_padding=1)
        self.norm_0 = Adain(inner, DESCRIPTOR)
        self.norm_1 = Adain(outer, DESCRIPTOR)
        self.norm_s = Adain(inner, DESCRIPTOR)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        short = self.conv_s(_act(self.norm_s(x, z)))  # (B,inner,H,W) -> (B,outer,2H,2W)
        x = self.conv_0(_act(self.norm_0(x, z)))  # (B,inner,H,W) -> (B,outer,H,W)
        x = self.conv_1(_act(self.norm_1(x, z)))  # (B,outer,H,W) -> (B,outer,2H,2W)
        return short + x


class Encoder(nn.Module):
    """The picture (B, 3, 256, 256) in six sizes, 256 to 8."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Conv2d(3, 32, 7, padding=3)
        for i in range(STAGES):
            block = EncoderBlock(min(32 * 2**i, 256), min(32 * 2 ** (i + 1), 256))
            setattr(self, f"encoder{i}", block)

    def forward(self, image: Tensor, z: Tensor) -> list[Tensor]:
        features = [self.input_layer(image)]  # (B,3,256,256) -> (B,32,256,256)
        for i in range(STAGES):
            block = getattr(self, f"encoder{i}")
            features.append(block(features[-1], z))  # (B,c,H,W) -> (B,min(2c,256),H/2,W/2)
        return features


class Decoder(nn.Module):
    """From 8 up to 64, each size joined with the encoder's features of that size."""

    def __init__(self) -> None:
        super().__init__()
        for i in (4, 3, 2):
            inner = min(32 * 2 ** (i + 1), 256) * (1 if i == STAGES - 1 else 2)
            setattr(self, f"decoder{i}", DecoderBlock(inner, min(32 * 2**i, 256)))

    def forward(self, features: list[Tensor], z: Tensor) -> Tensor:
        x = features[-1]
        for i in (4, 3, 2):
            x = getattr(self, f"decoder{i}")(x, z)  # (B,c,H,W) -> (B,32*2^i,2H,2W)
            x = torch.cat([x, features[i]], dim=1)  # -> twice the channels
        return x


class Hourglass(nn.Module):
    """Encoder and decoder: (B, 3, 256, 256) -> (B, 256, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, image: Tensor, z: Tensor) -> Tensor:
        out: Tensor = self.decoder(self.encoder(image, z), z)
        return out


class WarpingNet(nn.Module):
    """A picture (B, 3, 256, 256) and a descriptor (B, 256, 1) give a flow (B, 2, 64, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.hourglass = Hourglass()
        self.flow_out = nn.Sequential(
            LayerNorm2d(256), nn.LeakyReLU(WARPER_SLOPE), nn.Conv2d(256, 2, 7, padding=3)
        )

    def forward(self, image: Tensor, descriptor: Tensor) -> Tensor:
        z = descriptor.flatten(1)  # (B,256,1) -> (B,256)
        flow: Tensor = self.flow_out(self.hourglass(image, z))  # (B,256,64,64) -> (B,2,64,64)
        return flow


def _warped(mapping: nn.Module, warping: nn.Module, image: Tensor, window: Tensor) -> Warped:
    descriptor = mapping(window)  # (B,C,T) -> (B,256,1)
    flow = warping(image, descriptor)  # (B,3,256,256) -> (B,2,64,64)
    return Warped(descriptor, flow, warp(image, deformation(flow)))


class VideoWarper(nn.Module):
    """Driven by windows of the 73-vector, (B, 73, 27)."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping_net = MappingNet(VIDEO_CHANNELS)
        self.warping_net = WarpingNet()

    def forward(self, image: Tensor, window: Tensor) -> Warped:
        return _warped(self.mapping_net, self.warping_net, image, window)


class AudioWarper(nn.Module):
    """Driven by windows of a mel spectrogram, (B, 80, 32). The keys are the published ones."""

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = MappingNet(AUDIO_CHANNELS)
        self.warpping_net = WarpingNet()

    def forward(self, image: Tensor, window: Tensor) -> Warped:
        return _warped(self.audio_encoder, self.warpping_net, image, window)
