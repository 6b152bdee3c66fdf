# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth of skull, hair, ears and neck behind the face mesh, inflated from the matte's silhouette.

The face model's skull has no hair. The matte's silhouette is therefore inflated: from the plane of
the outline depth rises inward like a quarter circle, joined with the model's skull, and it meets
the face mesh along its border without a step. Depth grows toward the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.rasterizer import FAR, raster_attributes
from heat_backend.layers.inpainting import pull_push

# Outer-eye distances, by eye on the test portraits.
CELLS = 24  # of the rasters, per outer-eye distance
OUTLINE_DEPTH = 0.05  # of a head's outline, from the pivot
RISE, RISE_WITHIN = 0.30, 0.50  # height of the inflated depth, reached so far from the outline
HEAD_ENDS = (-0.35, 0.15)  # below the chin: inflated above, the model's neck underneath
NO_SKULL = 1.0  # how far the skull is set back where the model has none
ROUNDED = 0.06  # edge between inflated depth and skull
SMOOTH = 0.12  # standard deviation of the smoothing of the inflated depth
EVEN = 0.08  # the same along the face mesh's border
JOIN = 0.08  # beyond the face mesh over which depth turns from the face's to the inflated


@dataclass(frozen=True)
class _Field:
    """A coarse raster over part of the picture.

    Attributes
    ----------
    low : ndarray, shape (2,)
        Pixel of the picture at its first cell.
    cell : float
        Pixels per cell.
    shape : tuple of int
        Rows, columns.
    """

    low: NDArray[np.float64]
    cell: float
    shape: tuple[int, int]

    def depth(
        self, posed: PosedModel, triangles: NDArray[np.int32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Depth of the nearest surface, filled smoothly, and 1 where there is a surface."""
        values = np.zeros((*self.shape, 1), np.float32)
        nearest = np.full(self.shape, FAR, np.float32)
        points = ((posed.pixels - self.low) / self.cell).astype(np.float32)
        z = posed.rest[:, 2].astype(np.float32)
        raster_attributes(points, z, z[:, None], triangles, values, nearest)
        known = (nearest > FAR).astype(np.float32)
        return pull_push(values, known).reshape(self.shape), known

    def centres(self) -> NDArray[np.float32]:
        """Pixels (rows, columns, 2) of the picture at the cells."""
        rows, columns = self.shape
        mesh = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        return (mesh * self.cell + self.low).astype(np.float32)

    def sample(self, values: NDArray[np.float32], at: NDArray[np.floating]) -> NDArray[np.float64]:
        """Read the raster at pixels (N, 2) of the picture."""
        p = ((at - self.low) / self.cell).astype(np.float32)
        found = cv2.remap(
            values, p[None, :, 0], p[None, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(found[0], np.float64)


def silhouette_depth(
    posed: PosedModel,
    skin: NDArray[np.int32],
    face: NDArray[np.int32],
    alpha: NDArray[np.float32],
    below_chin: NDArray[np.floating],
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Depth of the head behind and beyond the face mesh.

    Parameters
    ----------
    posed : PosedModel
    skin : ndarray, shape (T, 3), int32
        Skin of the whole head.
    face : ndarray, shape (F, 3), int32
        Triangles of the face that the photo shows well.
    alpha : ndarray, shape (H, W), float32
        Matte.
    below_chin : ndarray, shape (N,)
        How far below the chin the grid's places are, outer-eye distances.
    grid : ndarray, shape (N, 2)
        Pixels.

    Returns
    -------
    ndarray, shape (N,), float64
        Model units.
    """
    low = grid.min(axis=0)
    cell = posed.unit / CELLS
    size = np.ceil((grid.max(axis=0) - low) / cell).astype(int) + 1
    field = _Field(low, cell, (int(size[1]), int(size[0])))
    own, known = field.depth(posed, skin)
    own = cv2.GaussianBlur(own, (0, 0), 2.5)
    skull = own - NO_SKULL * (1.0 - cv2.GaussianBlur(known, (0, 0), 1.5))
    inward = _inside_outline(alpha, field.centres(), posed.unit)
    t = np.clip(inward / RISE_WITHIN, 0.0, 1.0)
    inflated = _smooth_max(OUTLINE_DEPTH + RISE * np.sqrt(1.0 - (1.0 - t) ** 2), skull)
    inflated = cv2.GaussianBlur(inflated, (0, 0), SMOOTH * CELLS)
    front, faced = field.depth(posed, face)
    beyond = cv2.distanceTransform((faced == 0).astype(np.uint8), cv2.DIST_L2, 5) / CELLS
    share = np.exp(-((beyond / JOIN) ** 2)).astype(np.float32)
    # Steps of the face's border would wave through hair that turns away beside it.
    share = cv2.GaussianBlur(share, (0, 0), EVEN * CELLS)
    front = _evened(front, faced)
    head = 1.0 - np.clip((below_chin - HEAD_ENDS[0]) / np.ptp(HEAD_ENDS), 0.0, 1.0)
    # At the grid's own places: the neck keeps the model's depth, the head takes the inflated one.
    base = head * field.sample(inflated, grid) + (1.0 - head) * field.sample(own, grid)
    joined = field.sample(share, grid)
    return base * (1.0 - joined) + joined * field.sample(front, grid)


def _evened(front: NDArray[np.float32], faced: NDArray[np.float32]) -> NDArray[np.float32]:
    """Face's depth, evened beyond its border and left as it is inside."""
    inside = cv2.GaussianBlur(cv2.erode(faced, np.ones((3, 3), np.uint8)), (0, 0), 1.0)
    smooth = cv2.GaussianBlur(front, (0, 0), 2.0 * EVEN * CELLS)
    return np.asarray(smooth + inside * (front - smooth), np.float32)


def _smooth_max(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the larger of two depths, rounded where they cross."""
    return np.asarray(0.5 * (a + b + np.sqrt((a - b) ** 2 + ROUNDED**2)), np.float32)


def _inside_outline(
    alpha: NDArray[np.float32], at: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """Distance from the foreground's outline inward at pixels (rows, columns, 2), 0 outside."""
    inside = (alpha > 0.5).astype(np.uint8)
    # The frame is no outline: continue the foreground over it before measuring.
    reach = int(RISE_WITHIN * unit) + 2
    wide = cv2.copyMakeBorder(inside, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(wide, cv2.DIST_L2, 5) / np.float32(unit)
    found: NDArray[np.float32] = cv2.remap(
        distance,
        at[..., 0] + reach,
        at[..., 1] + reach,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return found
