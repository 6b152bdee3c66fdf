# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lips of the neutral touch: the source leaves a slit of 0.8 mm."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from heat_backend.model import kit as source
from heat_backend.model.kit import Floats, Ints, Kit

REACH = 0.5  # cm over which the correction fades out into the lip
INNER_REACH = 1.5  # the same into the mouth


def closed_lips(kit: Kit, loop: Ints, upper_count: int) -> Floats:
    """Return the neutral with both lips moved up and down to meet halfway.

    Parameters
    ----------
    kit : Kit
    loop : (m,) int64
        Inner lip loop: right corner, upper lip, left corner, lower lip.
    upper_count : int
        How many of the loop belong to the upper run, both corners included.

    Returns
    -------
    (N, 3) float64
    """
    out = kit.neutral.copy()
    upper = loop[:upper_count]
    lower = np.concatenate([loop[:1], loop[: upper_count - 2 : -1]])
    up, low = kit.neutral[upper], kit.neutral[lower]
    meet_up = (up[:, 1] + np.interp(up[:, 0], low[:, 0], low[:, 1])) / 2 - up[:, 1]
    meet_low = (low[:, 1] + np.interp(low[:, 0], up[:, 0], up[:, 1])) / 2 - low[:, 1]
    runs = [cKDTree(kit.neutral[upper]), cKDTree(kit.neutral[lower])]
    near = np.r_[np.arange(*source.FACE), np.arange(*source.MOUTH_SOCKET)]
    distance = np.stack([t.query(kit.neutral[near])[0] for t in runs], axis=1)
    for k, (tree, move) in enumerate(((runs[0], meet_up), (runs[1], meet_low))):
        mine = distance[:, k] <= distance[:, 1 - k]
        spots = near[mine]
        away, index = tree.query(kit.neutral[spots], k=3)
        share = 1.0 / np.maximum(away, 1e-6)
        share /= share.sum(axis=1, keepdims=True)
        behind = kit.neutral[spots, 2] < kit.neutral[loop, 2][:, None].min()
        reach = np.where(behind, INNER_REACH, REACH)
        fade = np.clip(1.0 - away[:, 0] / reach, 0.0, 1.0)
        fade = fade * fade * (3.0 - 2.0 * fade)
        out[spots, 1] += fade * (share * move[index]).sum(axis=1)
    return out
