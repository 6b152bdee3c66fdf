# SPDX-License-Identifier: GPL-3.0-or-later
"""Who moves the photo's pixels: numba and OpenCV on the CPU, torch on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from heat_backend.layers.matting_layers import MattingLayers
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.warp.backward_warp import BackwardWarpMap
from heat_backend.warp.compose import compose_foreground
from heat_backend.warp.occlusion_boundaries import Region

JUMP_CELLS = 4.0  # a step of the flow from cell to cell above which surfaces are torn apart


@dataclass(frozen=True)
class WarpInputs:
    """What a painter moves.

    Attributes
    ----------
    mesh : PortraitMesh
    matting : MattingLayers
    width, height : int
        Of the frames, pixels.
    stride : int
        Output pixels per cell of the flow.
    region : tuple of int
        Left, top, right, bottom of what is painted; the rest of a frame is left alone.
    """

    mesh: PortraitMesh
    matting: MattingLayers
    width: int
    height: int
    stride: int
    region: Region


class WarpRenderer(Protocol):
    """Paints the person over the wall, all but what is behind the openings."""

    def paint(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool,
    ) -> None:
        """Write the scene's region of a frame.

        Parameters
        ----------
        out : ndarray, shape (H, W, 4), uint8
        pixels, depth, far_side
            As for :meth:`heat_backend.warp.backward_warp.BackwardWarpMap.fill`.
        """
        ...

    def set_foreground(self, person: NDArray[np.uint8]) -> None:
        """Take the person's colours from another picture, shaped as the matting's, from now on."""
        ...


class CpuWarpRenderer:
    """See :class:`WarpRenderer`."""

    def __init__(self, scene: WarpInputs) -> None:
        self._scene = scene
        self._wall = opaque(scene.matting.background)
        self._flow = BackwardWarpMap(scene.width, scene.height, scene.stride)
        self._person = scene.matting.foreground

    def paint(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool,
    ) -> None:
        """Write the scene's region of a frame; see the protocol."""
        scene, flow = self._scene, self._flow
        flow.fill(scene.mesh, pixels, depth, far_side)
        compose_foreground(
            out,
            self._wall,
            self._person,
            scene.matting.pad,
            flow.source,
            flow.nearest,
            scene.stride,
            JUMP_CELLS * scene.stride,
            scene.region,
        )

    def set_foreground(self, person: NDArray[np.uint8]) -> None:
        """Take the person's colours from another picture; see the protocol."""
        self._person = person


def moving_region(
    home: NDArray[np.floating], size: tuple[int, int], margin: int
) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what the mesh (N, 2) covers at rest; outside nothing moves."""
    low = np.ceil(home.min(axis=0)).astype(int) + margin
    high = np.floor(home.max(axis=0)).astype(int) - margin
    left, top = (int(max(0, v)) for v in low)
    right, bottom = (int(min(s, v)) for s, v in zip(size, high, strict=True))
    return left, top, right, bottom


def opaque(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add a full alpha channel to (H, W, 3)."""
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
