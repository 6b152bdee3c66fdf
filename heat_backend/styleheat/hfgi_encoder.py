# SPDX-License-Identifier: GPL-3.0-or-later
"""HFGI's residual encoder: what an inversion lost, as a scale and a shift of its feature."""

from __future__ import annotations

from torch import Tensor, nn

from heat_backend.styleheat.flow import resize
from heat_backend.styleheat.ir_blocks import block_group, input_layer
from heat_backend.styleheat.primitives import EqualConv2d, ScaledLeakyReLU


def _condition() -> nn.Sequential:
    """Feature (B, 64, 64, 64) to a scale or a shift (B, 512, 64, 64)."""
    return nn.Sequential(
        EqualConv2d(64, 512, 3, padding=1),
        ScaledLeakyReLU(),
        EqualConv2d(512, 512, 3, padding=1),
    )


class ResidualEncoder(nn.Module):
    """Residual (B, 3, 256, 256) to scale and shift, (B, 512, 64, 64) each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_layer1 = input_layer(3, 32)
        self.conv_layer2 = block_group((32, 48, 48, 48), stride=2)
        self.conv_layer3 = block_group((48, 64, 64, 64), stride=2)
        self.condition_scale3 = _condition()
        self.condition_shift3 = _condition()

    def forward(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv_layer1(residual)  # (B,3,256,256) -> (B,32,256,256)
        x = self.conv_layer2(x)  # -> (B,48,128,128)
        x = self.conv_layer3(x)  # -> (B,64,64,64)
        scale = resize(self.condition_scale3(x), 64)  # -> (B,512,64,64)
        shift = resize(self.condition_shift3(x), 64)  # -> (B,512,64,64)
        return scale, shift
