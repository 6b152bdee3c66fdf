# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a tongue that comes out: over the lower teeth and the lower lip, not through them.

The face model's ``tongueOut`` is one straight move of each vertex. Half way along it the tip
would be inside the lip; what stands over teeth or lip is therefore lifted onto them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel
from bridge.ramps import smoothstep

Floats = NDArray[np.float32]

SLICES = 10  # of the tongue, from root to tip
MIDDLE = 0.12  # outer-eye distances from the middle to where a tooth is a front tooth
# Outer-eye distances.
RISES_WITHIN = 0.16  # behind the lower teeth: where the tongue rises to their edge
LIP_DEEP = 0.05  # from the lip's inner contour to where it begins to fall away
HANGS = 1.3  # how steeply what has passed the lip may hang down
THINNEST = 0.045  # a tongue pressed flat between the teeth
SUNK = 0.012  # a soft tongue lies so deep in teeth and lip


@dataclass(frozen=True)
class TonguePath:
    """What of a mouth's vertices is needed to lead its tongue out.

    Attributes
    ----------
    members : ndarray of int, shape (M,)
        The tongue's vertices.
    slice_of : ndarray of int, shape (M,)
        Its slice, 0 at the root.
    along : ndarray, shape (M,), float32
        The same without steps.
    lower_teeth, upper_teeth : ndarray of int
        The front teeth's vertices.
    lower_lip : int
        Vertex in the middle of that lip's inner contour.
    """

    members: NDArray[np.intp]
    slice_of: NDArray[np.intp]
    along: Floats
    lower_teeth: NDArray[np.intp]
    upper_teeth: NDArray[np.intp]
    lower_lip: int

    def lifted(self, points: Floats, forward: Floats, up: Floats) -> Floats:
        """Lay the tongue over teeth and lip.

        Parameters
        ----------
        points : ndarray, shape (N, 3), float32
            The mouth's vertices with their expression, before the head turns.
        forward, up : ndarray, shape (3,), float32
            Axes of the head.

        Returns
        -------
        ndarray, shape (N, 3), float32
        """
        ahead, height = points @ forward, points @ up
        own_ahead, own = ahead[self.members], height[self.members]
        at, bottom, top = (np.empty(SLICES, np.float32) for _ in range(3))
        for k in range(SLICES):
            inside = self.slice_of == k
            at[k] = own_ahead[inside].mean()
            bottom[k], top[k] = own[inside].min(), own[inside].max()
        floor, near = self._floor(ahead, height, at)
        ceiling = max(float(height[self.upper_teeth].min()), float(height[self.lower_lip]))
        lift = near * np.maximum(0.0, floor - bottom)
        thick = np.maximum(top - bottom, 1e-4)
        room = np.maximum(THINNEST, ceiling - bottom - lift)
        flatter = 1.0 - near * (1.0 - np.minimum(1.0, room / thick))
        steps = np.arange(SLICES)
        low = np.interp(self.along, steps, bottom)
        raised = np.interp(self.along, steps, _evened(lift))
        squeezed = np.interp(self.along, steps, _evened(flatter))
        new = low + raised + (own - low) * squeezed
        out = points.copy()
        out[self.members] += (new - own)[:, None].astype(np.float32) * up
        return out

    def _floor(
        self, ahead: Floats, height: Floats, at: Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Height of what lies under places (K,) ahead, and how much it counts there, 0..1."""
        edge = self.lower_teeth[int(np.argmax(height[self.lower_teeth]))]
        teeth, lip = float(ahead[edge]), float(ahead[self.lower_lip])
        falls = max(lip, teeth + 0.01) + LIP_DEEP
        heights = float(height[edge]) - SUNK, float(height[self.lower_lip]) - SUNK
        floor = np.interp(at, [teeth, max(lip, teeth + 0.01)], heights)
        floor -= HANGS * np.maximum(0.0, at - falls)
        return floor, smoothstep(teeth - RISES_WITHIN, teeth, at)


def _evened(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Smooth over neighbouring slices."""
    padded = np.pad(values.astype(np.float64), 1, mode="edge")
    return np.asarray(np.convolve(padded, [0.25, 0.5, 0.25], mode="valid"))


def tongue_path(model: FaceModel, kept: NDArray[np.intp], lower_lip: int) -> TonguePath:
    """Find the tongue and the front teeth among a mouth's vertices.

    Parameters
    ----------
    model : FaceModel
    kept : ndarray of int, shape (N,)
        The mouth's vertices among the model's.
    lower_lip : int
        The mouth's vertex in the middle of the lower lip.
    """
    part = np.array(PART_NAMES)[model.vertex_part[kept]]
    members = np.flatnonzero(part == "tongue")
    order = np.argsort(np.argsort(model.vertices[kept[members], 2]))
    along = order * SLICES / len(members)
    middle = np.abs(model.vertices[kept, 0]) < MIDDLE
    return TonguePath(
        members=members,
        slice_of=along.astype(int),
        along=np.clip(along - 0.5, 0.0, SLICES - 1.0).astype(np.float32),
        lower_teeth=np.flatnonzero(middle & (part == "teeth_lower")),
        upper_teeth=np.flatnonzero(middle & (part == "teeth_upper")),
        lower_lip=lower_lip,
    )


def middle_of_lower_lip(model: FaceModel) -> int:
    """Vertex of the model in the middle of its lower inner lip."""
    run = model.lip_inner[model.lip_upper_count :]
    return int(run[np.argmin(np.abs(model.vertices[run, 0]))])
