# SPDX-License-Identifier: GPL-3.0-or-later
"""ArcFace's IR-SE50: a face to a code of who it is (for training)."""

from __future__ import annotations

from torch import Tensor, nn

from heat_backend.styleheat.ir_blocks import input_layer, ir_se50_body


class IrSe50(nn.Module):
    """Face (B, 3, 112, 112), -1 to 1, to a code (B, 512) of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = input_layer(3, 64)
        self.body = ir_se50_body()
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512),
            nn.Dropout(0.6),
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 512),
            nn.BatchNorm1d(512),
        )

    def forward(self, face: Tensor) -> Tensor:
        x = self.body(self.input_layer(face))  # (B,3,112,112) -> (B,512,7,7)
        code: Tensor = self.output_layer(x)  # -> (B,512)
        return nn.functional.normalize(code)
