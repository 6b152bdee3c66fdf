# SPDX-License-Identifier: GPL-3.0-or-later
"""An inverted portrait ready for inference: per frame only what the motion changes.

It gives what :func:`heat_backend.styleheat.networks.forward.forward` gives as ``fake``, without
the second pass of the generator and the calibration tensors that nothing reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bridge.errors import BadInput
from heat_backend.styleheat.driving.folded_networks import (
    Placement,
    PortraitCalibration,
    PortraitFlow,
    UpperGenerator,
)
from heat_backend.styleheat.networks.flow import warp
from heat_backend.styleheat.networks.forward import Inversion, StyleHeat

HALF_ON = {"cuda": torch.float16, "cpu": torch.bfloat16}
"""The half precision that a device computes fast."""


@dataclass(frozen=True)
class PreparedPortrait:
    """One portrait, for one set of codes; other codes (an edit) need another."""

    mapping: nn.Module
    flow: PortraitFlow
    calibration: PortraitCalibration
    generator: UpperGenerator
    fx: Tensor
    """(1, 512, 64, 64) float32, the portrait's feature."""
    place: Placement

    @classmethod
    def from_inversion(
        cls, networks: StyleHeat, inversion: Inversion, half: bool = False
    ) -> PreparedPortrait:
        """Prepare a portrait.

        Parameters
        ----------
        networks : StyleHeat
            In eval mode, float32, all on the device that will render.
        inversion : Inversion
            Of one picture, on any device.
        half : bool
            Compute calibration and generator in half precision.

        Raises
        ------
        BadInput
            When the inversion is of several pictures, or not finite.
        """
        device = networks.generator.input.input.device
        tensors = [inversion.ix, inversion.wplus, inversion.fx]
        if any(len(t) != 1 for t in tensors):
            raise BadInput("an inversion of one picture is needed")
        if not all(bool(torch.isfinite(t).all()) for t in tensors):
            raise BadInput("the portrait's inversion is not finite: invert it again")
        ix, wplus, fx = (t.detach().to(device, torch.float32) for t in tensors)
        place = Placement(device, HALF_ON[device.type] if half else torch.float32)
        with torch.inference_mode():
            return cls(
                networks.video_warper.mapping_net,
                PortraitFlow.of(networks.video_warper.warping_net, ix),
                PortraitCalibration.of(networks.calibrator, place),
                UpperGenerator.of(networks.generator, wplus, place),
                fx,
                place,
            )

    @torch.inference_mode()
    def descriptors(self, windows: Tensor | NDArray[np.float32]) -> Tensor:
        """Run the mapping network for many frames at once.

        Parameters
        ----------
        windows : Tensor or ndarray
            (N, 73, 27), the 73-vectors around each frame.

        Returns
        -------
        Tensor
            (N, 256, 1) on the portrait's device.
        """
        found: Tensor = self.mapping(
            torch.as_tensor(windows, dtype=torch.float32, device=self.place.device)
        )
        return found

    @torch.inference_mode()
    def frame(self, descriptor: Tensor) -> Tensor:
        """Render one frame.

        Parameters
        ----------
        descriptor : Tensor
            (256, 1) or (1, 256, 1), one of :meth:`descriptors`.

        Returns
        -------
        Tensor
            (3, size, size) float32, about -1 to 1, not clamped.
        """
        return frame_tensor(self, descriptor.reshape(1, -1, 1))  # -> (1,256,1)

    @torch.inference_mode()
    def pixels(self, descriptor: Tensor) -> Tensor:
        """Render one frame as pixels on the device, (size, size, 3) uint8.

        They are rounded down, as published.
        """
        return frame_pixels(self, descriptor.reshape(1, -1, 1))  # -> (1,256,1)

    def picture(self, descriptor: Tensor) -> NDArray[np.uint8]:
        """Render one frame as pixels in host memory, (size, size, 3) uint8."""
        found: NDArray[np.uint8] = self.pixels(descriptor).cpu().numpy()
        return found


def frame_tensor(portrait: PreparedPortrait, z: Tensor) -> Tensor:
    """Turn a descriptor (1, 256, 1) into (3, size, size); sets no mode, so it can be compiled."""
    feature = warp(portrait.fx, portrait.flow(z))  # (1,512,64,64)
    feature = portrait.calibration(feature.contiguous(memory_format=torch.channels_last), z)
    return portrait.generator(feature.to(portrait.place.dtype))[0]  # -> (3,size,size)


def frame_pixels(portrait: PreparedPortrait, z: Tensor) -> Tensor:
    """Turn a descriptor (1, 256, 1) into (size, size, 3) uint8; sets no mode either."""
    values = frame_tensor(portrait, z).clamp(-1.0, 1.0).add_(1.0).mul_(127.5)
    return values.to(torch.uint8).permute(1, 2, 0).contiguous()  # (3,H,W) -> (H,W,3)
