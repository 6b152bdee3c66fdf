# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin seen at a grazing angle: it moves as the skin beside it in the picture does.

At the rim of the jaw the photo squeezes much of the face into few pixels. Moved by its own
offsets each of its triangles would unroll, and show those pixels drawn out into teeth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.spatial import cKDTree

from bridge.ramps import smoothstep

GRAZING = (0.25, 0.6)  # facing (cosine) at which skin goes wholly, and not at all, with others
BESIDE = 0.05  # outer-eye distances in the picture
NEIGHBOURS = 24
LEAST = 0.02  # of a neighbour's say, however much it turns away
OPENING_REACH = (0.10, 0.22)  # outer-eye distances from lids and lips, where folds must unroll


def evened_grazing(
    rest: NDArray[np.floating], triangles: NDArray[np.integer], borders: NDArray[np.integer]
) -> csr_matrix:
    """Matrix (N, N) that averages what vertices do where the surface turns away.

    Parameters
    ----------
    rest : ndarray, shape (N, 3)
        Model units.
    triangles : ndarray, shape (T, 3)
        Vertices of none of them are left alone.
    borders : ndarray of int
        Vertices of the openings: near them nothing is averaged.
    """
    facing = _facing(rest, triangles)
    used = np.unique(triangles)
    distance, near = cKDTree(rest[used, :2]).query(rest[used, :2], k=min(NEIGHBOURS, len(used)))
    weight = np.exp(-((distance / BESIDE) ** 2)) * np.maximum(facing[used][near], LEAST)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(used, near.shape[1])
    number = len(rest)
    mean = csr_matrix((weight.ravel(), (rows, used[near].ravel())), (number, number))
    share = np.zeros(number)
    away, _ = cKDTree(rest[borders, :2]).query(rest[used, :2])
    share[used] = (1.0 - smoothstep(*GRAZING, facing[used])) * smoothstep(*OPENING_REACH, away)
    return (diags(1.0 - share) + diags(share) @ mean).tocsr()


def _facing(rest: NDArray[np.floating], triangles: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much each vertex (N,) is turned to the viewer, 0..1."""
    corners = rest[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros((len(rest), 3))
    for k in range(3):
        np.add.at(total, triangles[:, k], normal)
    length = np.maximum(np.linalg.norm(total, axis=1), 1e-12)
    return np.asarray(np.maximum(0.0, total[:, 2] / length))
