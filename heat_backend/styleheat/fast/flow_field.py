# SPDX-License-Identifier: GPL-3.0-or-later
"""The warper's flow for one portrait: its first feature and that one's statistics are fixed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from heat_backend.styleheat.networks.flow import deformation
from heat_backend.styleheat.networks.primitives import Adain
from heat_backend.styleheat.networks.warper import SLOPE, STAGES, WarpingNet


def _recoloured(normed: Tensor, norm: Adain, z: Tensor) -> Tensor:
    """Scale and shift a normalised feature by the code, then activate."""
    h = norm.mlp_shared(z)  # (1,256) -> (1,128)
    gamma = norm.mlp_gamma(h)[:, :, None, None]  # -> (1,C,1,1)
    beta = norm.mlp_beta(h)[:, :, None, None]  # -> (1,C,1,1)
    return F.leaky_relu_(torch.addcmul(beta, normed, 1 + gamma), SLOPE)


@dataclass(frozen=True)
class PortraitFlow:
    """Where to sample the portrait's feature, from a descriptor."""

    net: WarpingNet
    first: Tensor
    """(1, 32, 256, 256), the input layer's feature, normalised."""

    @classmethod
    def of(cls, net: WarpingNet, ix: Tensor) -> PortraitFlow:
        """Run what depends on the picture (1, 3, 256, 256) alone."""
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
            x = block.conv_0(_recoloured(self.first, block.norm_0, z))  # -> (1,64,128,128)
            features.append(block.conv_1(F.leaky_relu_(block.norm_1(x, z), SLOPE)))
        feature = self.net.hourglass.decoder(features, z)  # -> (1,256,64,64)
        return deformation(self.net.flow_out(feature))  # (1,2,64,64) -> (1,64,64,2)
