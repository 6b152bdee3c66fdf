# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lips meet: the source leaves a slit of 0.8 mm that changes with identity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.ramps import smoothstep
from tools.face_model import kit as source
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.parts import corner_steps

REACH = 0.5  # cm over which the correction fades out into the lip
OVERLAP = 0.006  # cm; keeps hairline slits shut where the lips' points lie unevenly
STEPS = 20  # rings around the lips that may move
INNER_REACH = 1.5  # the same into the mouth


class LipSeal:
    """Moves both lips to meet halfway, fading out around the mouth."""

    def __init__(self, kit: Kit, loop: Ints, upper_count: int) -> None:
        """Prepare the fade.

        Parameters
        ----------
        kit : Kit
        loop : (m,) int64
            Inner lip loop: right corner, upper lip, left corner, lower lip.
        upper_count : int
            How many of the loop belong to the upper run, both corners included.
        """
        self.runs = (
            loop[:upper_count],
            np.concatenate([loop[:1], loop[: upper_count - 2 : -1]]),
        )
        near = np.r_[np.arange(*source.FACE), np.arange(*source.MOUTH_SOCKET)]
        found = [cKDTree(kit.neutral[run]).query(kit.neutral[near], k=3) for run in self.runs]
        lower = self._belongs_to_lower(kit)[near]
        behind = kit.neutral[near, 2] < kit.neutral[loop, 2].min()
        reach = np.where(behind, INNER_REACH, REACH)
        self.groups = []
        for k, (away, index) in enumerate(found):
            mine = lower == bool(k)
            share = 1.0 / np.maximum(away[mine], 1e-6)
            share /= share.sum(axis=1, keepdims=True)
            fade = smoothstep(1.0, 0.0, away[mine, 0] / reach[mine])
            self.groups.append((near[mine], index[mine], share * fade[:, None]))

    def _belongs_to_lower(self, kit: Kit) -> NDArray[np.bool_]:
        """Tell the lower lip from the upper by steps along the mesh, for the lips touch."""
        faces = np.concatenate(
            [
                kit.faces[slice(*source.NARROW_FACE_FACES)],
                kit.faces[slice(*source.MOUTH_SOCKET_FACES)],
            ]
        )
        steps = np.full((2, len(kit.neutral)), STEPS + 1)
        for k, run in enumerate(self.runs):
            for v, n in corner_steps(kit, faces, run.tolist(), STEPS).items():
                steps[k, v] = n
        return steps[1] < steps[0]

    def closed(self, positions: Floats, overlap: float = 0.0) -> Floats:
        """Return positions (N, 3) with the lips touching, in height and in depth.

        Parameters
        ----------
        positions : (N, 3) float64
        overlap : float
            By how much either lip passes the middle, none at the corners; cm.
        """
        out = positions.copy()
        runs = [positions[run] for run in self.runs]
        for k, (spots, index, share) in enumerate(self.groups):
            mine, other = runs[k], runs[1 - k]
            for axis in (1, 2):
                move = (_at(other, mine[:, 0], axis) - mine[:, axis]) / 2
                if axis == 1:
                    taper = np.sin(np.linspace(0.0, np.pi, len(mine)))
                    move += overlap * taper * (1.0 if k else -1.0)
                out[spots, axis] += (share * move[index]).sum(axis=1)
        return out


def _at(line: Floats, x: Floats, axis: int) -> Floats:
    """Interpolate a coordinate of a chain of points at x."""
    order = np.argsort(line[:, 0], kind="stable")
    return np.interp(x, line[order, 0], line[order, axis])
