# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer protocol and its inputs, and the CPU renderer of the posed foreground.

Most pixels take the short way: the coarse backward warp map is interpolated, ``cv2.remap`` samples
the foreground, and one pass blends it over the background. Only cells where two surfaces meet are
blended pixel by pixel, see :mod:`heat_backend.warp.occlusion_boundaries`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.layers.matting_layers import MattingLayers
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.warp.backward_warp import BackwardWarpMap
from heat_backend.warp.occlusion_boundaries import Region, blend_occlusion_boundaries

# Cells: a larger step of UV from node to node is between two surfaces, a smaller one is stretched
# skin; tuned by eye on the test portraits.
JUMP_CELLS = 4.0
# Range of cv2.remap's fixed-point places, 32nds of a pixel: whole pixels must fit 16 bits.
LOWEST_PLACE, HIGHEST_PLACE = -32000 * 32, 32000 * 32


@dataclass(frozen=True)
class WarpInputs:
    """What a renderer takes for all frames of a portrait.

    Attributes
    ----------
    mesh : PortraitMesh
    matting : MattingLayers
    width, height : int
        Of the frames, pixels.
    stride : int
        Output pixels per cell of the backward warp map.
    region : tuple of int
        Left, top, right, bottom of what is rendered; the rest of a frame is left alone.
    corrections : Corrections
    """

    mesh: PortraitMesh
    matting: MattingLayers
    width: int
    height: int
    stride: int
    region: Region
    corrections: Corrections = ALL_CORRECTIONS


class WarpRenderer(Protocol):
    """Renders the foreground over the background; eyeballs and mouth are composited later."""

    def render(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool,
    ) -> None:
        """Write the inputs' region of a frame.

        Parameters
        ----------
        out : ndarray, shape (H, W, 4), uint8
        pixels, depth, far_side
            As for :meth:`heat_backend.warp.backward_warp.BackwardWarpMap.fill`.
        """
        ...

    def set_foreground(self, foreground: NDArray[np.uint8]) -> None:
        """Render another foreground, shaped as the matting's, from now on."""
        ...


class CpuWarpRenderer:
    """See :class:`WarpRenderer`."""

    def __init__(self, inputs: WarpInputs) -> None:
        self._inputs = inputs
        self._background = to_rgba(inputs.matting.background)
        self._foreground = inputs.matting.foreground
        self._map = BackwardWarpMap(inputs.width, inputs.height, inputs.stride)

    def render(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool,
    ) -> None:
        """Write the inputs' region of a frame; see the protocol."""
        inputs, warp = self._inputs, self._map
        warp.fill(inputs.mesh, pixels, depth, far_side, inputs.corrections)
        left, top, right, bottom = inputs.region
        if right <= left or bottom <= top:
            return
        pad = inputs.matting.pad
        here = slice(top, bottom), slice(left, right)
        whole = np.empty((bottom - top, right - left, 2), np.int16)
        parts = np.empty((bottom - top, right - left), np.uint16)
        _interpolate(warp.uv, warp.stride, float(pad), left, top, whole, parts)
        sampled = cv2.remap(
            self._foreground, whole, parts, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
        )
        _blend_over(
            sampled.view(np.uint32)[..., 0],
            self._background[here].view(np.uint32)[..., 0],
            out[here].view(np.uint32)[..., 0],
        )
        blend_occlusion_boundaries(
            out,
            self._background,
            self._foreground,
            pad,
            warp.uv,
            warp.z_buffer,
            warp.stride,
            JUMP_CELLS * warp.stride,
            inputs.region,
        )

    def set_foreground(self, foreground: NDArray[np.uint8]) -> None:
        """Render another foreground; see the protocol."""
        self._foreground = foreground


@njit(cache=True, parallel=True, fastmath=True)
def _interpolate(
    uv: NDArray[np.float32],
    stride: int,
    pad: float,
    left: int,
    top: int,
    whole: NDArray[np.int16],
    parts: NDArray[np.uint16],
) -> None:
    """Interpolate UV bilinearly to every pixel of a region, in coordinates of the foreground.

    Written the way ``cv2.remap`` takes them fastest: whole pixels, and an index of the 32nds of
    x and y (OpenCV's fixed-point map format, CV_16SC2 and CV_16UC1).
    """
    height, width = parts.shape
    step = np.float32(1.0 / stride)
    for i in prange(height):
        y = (top + i) // stride
        fy = np.float32((top + i) - y * stride) * step
        first = left // stride
        for cell in range(first, (left + width - 1) // stride + 1):
            ax = uv[y, cell, 0] + fy * (uv[y + 1, cell, 0] - uv[y, cell, 0])
            ay = uv[y, cell, 1] + fy * (uv[y + 1, cell, 1] - uv[y, cell, 1])
            bx = uv[y, cell + 1, 0] + fy * (uv[y + 1, cell + 1, 0] - uv[y, cell + 1, 0])
            by = uv[y, cell + 1, 1] + fy * (uv[y + 1, cell + 1, 1] - uv[y, cell + 1, 1])
            dx, dy = (bx - ax) * step, (by - ay) * step
            for k in range(stride):
                j = cell * stride + k - left
                if 0 <= j < width:
                    u = int(np.floor((ax + k * dx + pad) * 32 + np.float32(0.5)))
                    v = int(np.floor((ay + k * dy + pad) * 32 + np.float32(0.5)))
                    u = min(max(u, LOWEST_PLACE), HIGHEST_PLACE)
                    v = min(max(v, LOWEST_PLACE), HIGHEST_PLACE)
                    whole[i, j, 0] = u >> 5
                    whole[i, j, 1] = v >> 5
                    parts[i, j] = (v & 31) * 32 + (u & 31)


@njit(cache=True, parallel=True)
def _blend_over(
    foreground: NDArray[np.uint32], background: NDArray[np.uint32], out: NDArray[np.uint32]
) -> None:
    """Blend premultiplied RGBA over opaque RGBA, two channels of a pixel in one multiplication."""
    low = np.uint32(0x00FF00FF)
    half = np.uint32(0x00800080)
    eight = np.uint32(8)
    for i in prange(out.shape[0]):
        for j in range(out.shape[1]):
            p, w = foreground[i, j], background[i, j]
            share = np.uint32(255) - (p >> np.uint32(24))
            even = (w & low) * share + half
            even = ((even + ((even >> eight) & low)) >> eight) & low
            odd = ((w >> eight) & low) * share + half
            odd = (odd + ((odd >> eight) & low)) & np.uint32(0xFF00FF00)
            out[i, j] = p + (even | odd)


def to_rgba(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add an opaque alpha channel to RGB (H, W, 3)."""
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
