# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lips meet: the source leaves a slit of 0.8 mm that changes with identity."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from heat_backend.model import kit as source
from heat_backend.model.kit import Floats, Ints, Kit

REACH = 0.5  # cm over which the correction fades out into the lip
INNER_REACH = 1.5  # the same into the mouth


class LipSeal:
    """Moves both lips up or down to meet halfway, fading out around the mouth."""

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
        lower_is_nearer = found[1][0][:, 0] < found[0][0][:, 0]
        behind = kit.neutral[near, 2] < kit.neutral[loop, 2].min()
        reach = np.where(behind, INNER_REACH, REACH)
        self.groups = []
        for k, (away, index) in enumerate(found):
            mine = lower_is_nearer == bool(k)
            share = 1.0 / np.maximum(away[mine], 1e-6)
            share /= share.sum(axis=1, keepdims=True)
            fade = np.clip(1.0 - away[mine, 0] / reach[mine], 0.0, 1.0)
            fade = fade * fade * (3.0 - 2.0 * fade)
            self.groups.append((near[mine], index[mine], share * fade[:, None]))

    def closed(self, positions: Floats) -> Floats:
        """Return positions (N, 3) with the lips touching."""
        out = positions.copy()
        up, low = (positions[run] for run in self.runs)
        moves = (
            (_height(low, up[:, 0]) - up[:, 1]) / 2,
            (_height(up, low[:, 0]) - low[:, 1]) / 2,
        )
        for move, (spots, index, share) in zip(moves, self.groups, strict=True):
            out[spots, 1] += (share * move[index]).sum(axis=1)
        return out


def _height(line: Floats, x: Floats) -> Floats:
    order = np.argsort(line[:, 0], kind="stable")
    return np.interp(x, line[order, 0], line[order, 1])
