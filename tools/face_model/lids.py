# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes eyeBlink close the eye: the source leaves a slit that its lash cards hide."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_NAMES
from bridge.ramps import smoothstep
from tools.face_model.kit import FACE, Floats, Ints, Kit

OVERLAP = 0.02  # cm by which the upper margin passes the lower one
REACH = 1.1  # cm over which the correction fades out into the lid


def closed_blink(kit: Kit, loop: Ints, upper_count: int, side: str) -> Floats:
    """Return the blink shape of one eye with the upper lid drawn down to the lower one.

    Parameters
    ----------
    kit : Kit
    loop : (m,) int64
        Lid margin: inner corner, upper lid, outer corner, lower lid.
    upper_count : int
        How many of the loop belong to the upper run, both corners included.
    side : str
        ``"Left"`` or ``"Right"``.

    Returns
    -------
    (N, 3) float64
    """
    blink = kit.expression[EXPRESSION_NAMES.index(f"eyeBlink{side}")].copy()
    upper = loop[1 : upper_count - 1]
    lower = np.concatenate([loop[upper_count - 1 :], loop[:1]])
    posed = kit.neutral + blink
    order = np.argsort(posed[lower, 0], kind="stable")
    low = posed[lower[order]]
    x = posed[upper, 0]
    meet_y = np.interp(x, low[:, 0], low[:, 1])
    meet_z = np.interp(x, low[:, 0], low[:, 2])
    # The overlap vanishes toward the corners, where both lids are one.
    span = np.linspace(0.0, np.pi, len(upper) + 2)[1:-1]
    move = np.zeros((len(upper), 3))
    move[:, 1] = np.minimum(meet_y - OVERLAP * np.sin(span) - posed[upper, 1], 0.0)
    move[:, 2] = np.maximum(meet_z + OVERLAP - posed[upper, 2], 0.0) * np.sin(span)
    # All kit vertices near the margin follow, the fold inside the lid too.
    tree = cKDTree(kit.neutral[upper])
    near = np.arange(*FACE)
    distance, index = tree.query(kit.neutral[near], k=3)
    share = 1.0 / np.maximum(distance, 1e-6)
    share /= share.sum(axis=1, keepdims=True)
    fade = smoothstep(REACH, 0.0, distance[:, 0])
    lower_distance = cKDTree(kit.neutral[lower]).query(kit.neutral[near])[0]
    fade[lower_distance < distance[:, 0]] = 0.0
    blink[near] += fade[:, None] * (share[:, :, None] * move[index]).sum(axis=1)
    return blink
