# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction for open mouths: the photo's own teeth and tongue, on a small mesh between the lips.

For: photos of open mouths. Upper teeth stay with the skull; cavity and tongue stretch between them
and the moving lips. Both continue a little under the lips, in the colours next to them, so that a
lip which draws back bares no rim. The mesh is a grid of ``COLUMNS`` across and rows down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.polygon_mask import outline_patch
from heat_backend.geometry.rasterizer import grid_triangles
from heat_backend.layers.portrait_mesh import Opening, PortraitMesh

Floats = NDArray[np.float64]

COLUMNS = 33  # across the mouth: finer than its landmarks
ROWS = 13  # from the upper to the lower lip
# Lengths in outer-eye distances where nothing else is said; by eye on open-mouthed test portraits.
MIN_HEIGHT = 0.012  # less of an opening is the line between closed lips; up to thrice as much fades
RIM = 0.02  # lip that the inner contour still holds
THIN_RIM = 0.2  # the same at most, of the height of the opening
UNDER_LIP = (0.09, 0.06, 0.03)  # that teeth go on under the upper lip
BEYOND = 0.03  # the same for all else, on all sides
LONGEST_TOOTH = 0.13  # visible length of upper teeth (12 mm)
ON_TOP = 0.01  # depth: enough to decide what covers what
TALL_FROM, TALL_TO = 0.10, 0.22  # height of a cavity that is stretched not at all, and wholly
TEETH_TINT = 0.5  # spread of the channels over lightness: more is lip, gum or tongue
TEETH_LIGHT = 0.6  # of the brightest inside


@dataclass(frozen=True)
class PhotographedMouth:
    """Mesh and texture.

    Attributes
    ----------
    photo : ndarray, shape (h, w, 3), float32
    rest : ndarray, shape (N, 3), float32
        Not before the front of the upper teeth, nor before the lips.
    deltas : ndarray, shape (53, N, 3), float32
    settled : ndarray, shape (N, 3), float32
        Texture column and row, and 1, while the lips stand as photographed.
    moved : ndarray, shape (N, 3), float32
        The same once they moved: the lips' rim left out, and how much is shown.
    before : ndarray, shape (N,), float32
        Added to the depth: where lips that move aside fold the mesh, teeth are in front.
    triangles : ndarray, shape (T, 3), int32
    """

    photo: NDArray[np.float32]
    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    settled: NDArray[np.float32]
    moved: NDArray[np.float32]
    before: NDArray[np.float32]
    triangles: NDArray[np.int32]

    def at(self, still: float) -> NDArray[np.float32]:
        """Attributes (N, 3) between moved, 0, and settled, 1."""
        return np.asarray(self.moved + np.float32(still) * (self.settled - self.moved))


def build_photographed_mouth(
    photo: NDArray[np.uint8], posed: PosedModel, mesh: PortraitMesh, depth: float
) -> PhotographedMouth | None:
    """Build mesh and texture of what the photo shows between its lips; None if they are closed.

    For: photos of open mouths, whose own teeth and tongue are better than the model's.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    posed : PosedModel
    mesh : PortraitMesh
    depth : float
        Of the front of the upper teeth, model units.
    """
    unit = posed.unit
    upper, lower, lips, deltas = _columns(mesh, mesh.mouth)
    height = np.hypot(*(lower - upper).T) / unit
    patch = outline_patch(mesh.mouth.outline(mesh.pixels), photo.shape[1], photo.shape[0], 4)
    if patch is None:
        return None
    h, w = patch.mask.shape
    pad = int(np.ceil(BEYOND * unit)) + 3
    wide = cv2.copyMakeBorder(photo, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    crop = wide[patch.top : patch.top + h + 2 * pad, patch.left : patch.left + w + 2 * pad]
    corner = np.array((patch.left - pad, patch.top - pad), np.float64)
    teeth = _teeth_bottom(crop.astype(np.float32), upper - corner, lower - corner, unit)
    grid = _Grid(upper, lower, height, teeth, unit)
    points, settled, moved = grid.rows()
    arch = np.minimum(depth, grid.depths(*lips))
    rest = posed.camera.unproject(points, arch)
    return PhotographedMouth(
        np.ascontiguousarray(crop, np.float32),
        np.asarray(rest, np.float32),
        np.ascontiguousarray(grid.carried(*deltas), np.float32),
        _textured(settled, corner, np.ones(len(points))),
        _textured(moved, corner, grid.shown()),
        grid.before(),
        grid_triangles(grid.count, COLUMNS),
    )


def _columns(
    mesh: PortraitMesh, opening: Opening
) -> tuple[Floats, Floats, tuple[Floats, Floats], tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return matching points (C, 2) on both lips, their depths (C,), and deltas (53, C, 3)."""
    points, depths, moves = [], [], []
    for run in (opening.upper, opening.lower):
        line = mesh.pixels[run].astype(np.float64)
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.linspace(0.0, along[-1], COLUMNS)
        left = np.clip(np.searchsorted(along, at, side="right") - 1, 0, len(run) - 2)
        share = (at - along[left]) / np.maximum(along[left + 1] - along[left], 1e-9)
        points.append(line[left] + share[:, None] * (line[left + 1] - line[left]))
        depths.append(np.interp(at, along, mesh.rest[run, 2]))
        part = mesh.deltas[:, run]
        move = part[:, left] + share[:, None] * (part[:, left + 1] - part[:, left])
        move[..., 2] = 0.0
        moves.append(move.astype(np.float32))
    return points[0], points[1], (depths[0], depths[1]), (moves[0], moves[1])


def _teeth_bottom(
    crop: NDArray[np.float32], upper: Floats, lower: Floats, unit: float
) -> tuple[Floats, Floats]:
    """How far down upper teeth reach in each column, 0..1 of the opening, and how surely (C,)."""
    height = np.hypot(*(lower - upper).T) / unit
    window = np.minimum(LONGEST_TOOTH / np.maximum(height, 1e-6), 1.0)
    share = np.linspace(0.08, 0.92, 24)[:, None] * window
    at = upper + share[..., None] * (lower - upper)
    seen = cv2.remap(
        crop,
        at[..., 0].astype(np.float32),
        at[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    light = seen.mean(axis=2)
    tint = seen.max(axis=2) - seen.min(axis=2)
    open_there = height > 0.35 * height.max()
    bright = TEETH_LIGHT * np.percentile(light[:, open_there], 97)
    white = (light > bright) & (tint < TEETH_TINT * light) & open_there
    sure = white.mean(axis=0) > 0.2
    known = np.flatnonzero(sure)
    if len(known) < 0.12 * COLUMNS:
        return np.zeros(COLUMNS), np.zeros(COLUMNS)
    # A row of teeth has no holes and an even edge.
    last = np.where(white, share, 0.0).max(axis=0) + 0.04 * window
    bottom = np.interp(np.arange(COLUMNS), known, median_filter(last[known], 5, mode="nearest"))
    whole = np.zeros(COLUMNS)
    whole[known[0] : known[-1] + 1] = 1.0
    return _smooth(np.minimum(bottom, 1.0)), _smooth(whole)


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, 2, mode="edge")
    return np.asarray(np.convolve(padded, [0.1, 0.25, 0.3, 0.25, 0.1], mode="valid"))


class _Grid:
    """Rows of the mesh from under the upper lip down to under the lower one."""

    def __init__(
        self,
        upper: Floats,
        lower: Floats,
        height: Floats,
        teeth: tuple[Floats, Floats],
        unit: float,
    ) -> None:
        self.upper, self.lower, self.unit = upper, lower, unit
        self.bottom, self.sure = teeth
        down = (lower - upper)[COLUMNS // 2]
        self.down = down / max(float(np.hypot(*down)), 1e-6)
        self.rim = np.minimum(RIM / np.maximum(height, 1e-6), THIN_RIM)
        cavity = height * (1.0 - self.bottom * self.sure)
        tall = np.clip((cavity - TALL_FROM) / (TALL_TO - TALL_FROM), 0.0, 1.0)
        # One value for the whole mouth: its corners are never tall.
        self.tall = float(tall.max())
        self.open = float(np.clip((height.max() - MIN_HEIGHT) / MIN_HEIGHT - 1.0, 0.0, 1.0))
        self.down_the_mouth = np.linspace(0.0, 1.0, ROWS)
        self.above = np.array(UNDER_LIP)
        self.count = len(self.above) + ROWS + 1

    def rows(self) -> tuple[Floats, Floats, Floats]:
        """Places (N, 2) in the photo; where they find their colour, settled and moved."""
        over = self.upper - self.above[:, None, None] * self.unit * self.down
        inside = self._inside(np.tile(self.down_the_mouth[:, None], COLUMNS))
        under = self.lower[None] + BEYOND * self.unit * self.down
        places = np.concatenate([over, inside, under])
        places[:, 0] -= self._sideways()
        places[:, -1] += self._sideways()
        along = 1.0 - 2.0 * self.rim
        rimless = np.asarray(self.rim + self.down_the_mouth[:, None] * along, np.float64)
        mirrored = np.asarray(self.rim * (1.0 + 0.25 * self.above[:, None] / UNDER_LIP[0]))
        sources = np.concatenate(
            [
                self._inside(mirrored),
                self._inside(rimless),
                self._inside(np.asarray(1.0 - self.rim))[None],
            ]
        )
        return places.reshape(-1, 2), places.reshape(-1, 2), sources.reshape(-1, 2)

    def depths(self, upper: Floats, lower: Floats) -> Floats:
        """Depth (N,) of the lips' columns, spread over the rows: it bends back to the corners.

        Where all stood as far before as the front teeth, a turn would leave the near corner bare.
        """
        upper, lower = _smooth(upper), _smooth(lower)
        inside = upper + self.down_the_mouth[:, None] * (lower - upper)
        return np.concatenate([np.tile(upper, len(self.above)), inside.ravel(), lower])

    def _inside(self, share: Floats) -> Floats:
        return np.asarray(self.upper + share[..., None] * (self.lower - self.upper))

    def _sideways(self) -> Floats:
        across = self.upper[-1] - self.upper[0]
        return np.asarray(across / max(float(np.hypot(*across)), 1e-6) * BEYOND * self.unit)

    def _share_below(self) -> Floats:
        """How far each row of the opening is from the teeth (0) to the lower lip (1)."""
        start = self.bottom * self.sure
        v = self.down_the_mouth[:, None]
        return np.asarray(np.clip((v - start) / np.maximum(1.0 - start, 0.05), 0.0, 1.0))

    def carried(
        self, upper: NDArray[np.float32], lower: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Deltas (53, N, 3) of all vertices from those of the lips' columns."""
        top = upper * (1.0 - self.sure).astype(np.float32)[:, None]
        below = (self.tall * self._share_below()).astype(np.float32)
        moves = [top] * len(self.above)
        moves += [top + share[:, None] * (lower - top) for share in below]
        moves.append(moves[-1])
        return np.stack(moves, axis=1).reshape(len(upper), -1, 3)

    def before(self) -> NDArray[np.float32]:
        """How far (N,) each vertex stands before the mesh's plane: its middle before its sides."""
        beside = np.abs(np.linspace(-1.0, 1.0, COLUMNS))
        row = ON_TOP * (self.sure + 1.0 - beside)
        return np.tile(row, self.count).astype(np.float32)

    def shown(self) -> Floats:
        """How much (N,) of the photo's own is shown once the lips moved."""
        above = np.linspace(0.0, 1.0, len(self.above) + 1)[:-1, None] * np.ones(COLUMNS)
        teeth = self.sure * np.clip(1.05 - 5.0 * self._share_below(), 0.0, 1.0)
        inside = teeth + (1.0 - teeth) * self.tall
        under = np.full((1, COLUMNS), self.tall)
        return self.open * np.concatenate([above * inside[0], inside, under]).reshape(-1)


def _textured(places: Floats, corner: Floats, shown: Floats) -> NDArray[np.float32]:
    return np.column_stack([places - corner, shown]).astype(np.float32)
