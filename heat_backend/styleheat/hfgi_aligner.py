# SPDX-License-Identifier: GPL-3.0-or-later
"""HFGI's aligner: moves what an inversion lost to where the inversion has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heat_backend.styleheat.flow import resize
from heat_backend.styleheat.ir_blocks import block_group, input_layer


class Aligner(nn.Module):
    """Residual and rough inversion, (B, 6, 256, 256), to the residual aligned (B, 3, 256, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_layer1 = input_layer(6, 16)
        self.conv_layer2 = block_group((16, 32, 32, 32), stride=2)
        self.conv_layer3 = block_group((32, 48, 48, 48), stride=2)
        self.conv_layer4 = block_group((48, 64, 64, 64), stride=2)
        self.dconv_layer1 = block_group((112, 64, 32, 32), stride=1)
        self.dconv_layer2 = block_group((64, 32, 16, 16), stride=1)
        self.dconv_layer3 = block_group((32, 16, 3, 3), stride=1)

    def forward(self, x: Tensor) -> Tensor:
        f1 = self.conv_layer1(x)  # (B,6,256,256) -> (B,16,256,256)
        f2 = self.conv_layer2(f1)  # -> (B,32,128,128)
        f3 = self.conv_layer3(f2)  # -> (B,48,64,64)
        f4 = self.conv_layer4(f3)  # -> (B,64,32,32)
        x = self.dconv_layer1(torch.cat([resize(f4, 64), f3], dim=1))  # -> (B,32,64,64)
        x = self.dconv_layer2(torch.cat([resize(x, 128), f2], dim=1))  # -> (B,16,128,128)
        out: Tensor = self.dconv_layer3(torch.cat([resize(x, 256), f1], dim=1))  # -> (B,3,256,256)
        return out
