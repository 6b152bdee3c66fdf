# SPDX-License-Identifier: GPL-3.0-or-later
"""Displacement fields of shape keys: thinning, centres, nearest neighbours, resampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
# (points (m, 3), queries (q, 3), k) -> (distances (q, k), indices (q, k)), nearest first.
Neighbours = Callable[[Floats, Floats, int], tuple[Floats, NDArray[np.integer]]]


@dataclass(frozen=True)
class MeshKeys:
    """Rest positions of some vertices of a mesh, and their displacement by each shape key.

    Attributes
    ----------
    names : tuple of n str
        The shape keys.
    neutral : (m, 3) array
        Rest positions in the mesh's own axes and units.
    displacements : (n, m, 3) array
        Offsets at key value 1, same axes and units.
    """

    names: tuple[str, ...]
    neutral: Floats
    displacements: Floats


def energy_centres(neutral: Floats, displacements: Floats) -> tuple[Floats, Floats]:
    """Return the centre and the spread of each displacement field.

    Parameters
    ----------
    neutral : (m, 3) array
    displacements : (n, m, 3) array

    Returns
    -------
    centres : (n, 3) array
        Mean position weighted by squared displacement; NaN for a field of zeros.
    spreads : (n,) array
        Root of the weighted mean squared distance from the centre; NaN likewise.
    """
    weight = np.einsum("nmd,nmd->nm", displacements, displacements, dtype=np.float64)
    total = np.where(weight.any(axis=1), weight.sum(axis=1), np.nan)
    weight /= total[:, None]
    centres = weight @ neutral
    centres[np.isnan(total)] = np.nan  # also where there are no vertices at all
    squared = weight @ np.einsum("md,md->m", neutral, neutral, dtype=np.float64)
    spread = np.sqrt(np.maximum(squared - np.einsum("nd,nd->n", centres, centres), 0.0))
    return centres, spread


def thin_evenly(points: Floats, most: int) -> NDArray[np.intp]:
    """Pick points at an even density: one for each cell of a grid.

    Parameters
    ----------
    points : (m, 3) array
    most : int
        Largest number of points to keep, about.

    Returns
    -------
    (k,) array
        Indices, ascending.
    """
    if len(points) <= most:
        return np.arange(len(points))
    low = points.min(axis=0)
    size = float((points.max(axis=0) - low).max())
    coarse, fine = 2.0, 4096.0
    kept = np.arange(len(points))
    for _ in range(12):
        cells = np.sqrt(coarse * fine)
        grid = np.floor((points - low) * (cells / max(size, 1e-30))).astype(np.int64)
        number = (grid[:, 0] * 8192 + grid[:, 1]) * 8192 + grid[:, 2]
        picked = np.unique(number, return_index=True)[1]
        if len(picked) > most:
            fine = cells
        else:
            coarse, kept = cells, np.sort(picked)
    return kept if len(kept) <= most else kept[:: len(kept) // most + 1]


def face_region(neutral: Floats, centres: Floats, spreads: Floats) -> NDArray[np.bool_]:
    """Return which vertices are near the centres of most keys: the face of a whole body.

    Parameters
    ----------
    neutral : (m, 3) array
    centres, spreads : (n, 3) and (n,) arrays
        From `energy_centres`; NaN rows are ignored. Medians make a few keys elsewhere harmless.

    Returns
    -------
    (m,) array of bool
        All True when no key moves anything.
    """
    moving = np.isfinite(spreads)
    if not moving.any():
        return np.ones(len(neutral), bool)
    middle = np.median(centres[moving], axis=0)
    away = np.linalg.norm(centres[moving] - middle, axis=1) + 2.0 * spreads[moving]
    return np.linalg.norm(neutral - middle, axis=1) <= 2.0 * float(np.median(away))


def thin_face(mesh: MeshKeys, most: int = 9000) -> MeshKeys:
    """Keep only the region of the face, at an even density of at most about `most` vertices."""
    centres, spreads = energy_centres(mesh.neutral, mesh.displacements)
    kept = np.flatnonzero(face_region(mesh.neutral, centres, spreads))
    kept = kept[thin_evenly(mesh.neutral[kept], most)]
    return MeshKeys(mesh.names, mesh.neutral[kept], mesh.displacements[:, kept])


def brute_neighbours(points: Floats, queries: Floats, k: int) -> tuple[Floats, NDArray[np.integer]]:
    """Find the k nearest points by brute force; see `Neighbours`."""
    k = min(k, len(points))
    near = np.empty((len(queries), k), np.intp)
    distance = np.empty((len(queries), k), np.float32)
    base = points.astype(np.float32)
    norm = np.einsum("md,md->m", base, base)
    block = max(1, 4_000_000 // max(len(points), 1))
    for start in range(0, len(queries), block):
        q = queries[start : start + block].astype(np.float32)
        squared = norm - 2.0 * (q @ base.T) + np.einsum("qd,qd->q", q, q)[:, None]
        rows = np.arange(len(q))
        for j in range(k):  # k is small: taking the least k times is faster than partitioning
            best = np.argmin(squared, axis=1)
            near[start : start + block, j] = best
            distance[start : start + block, j] = np.sqrt(np.maximum(squared[rows, best], 0.0))
            squared[rows, best] = np.inf
    return distance, near


def resample(
    neutral: Floats,
    displacements: Floats,
    queries: Floats,
    neighbours: Neighbours,
    *,
    reach: float,
    k: int = 4,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Resample displacement fields at other points, by inverse-distance weighting of neighbours.

    Parameters
    ----------
    neutral : (m, 3) array
    displacements : (n, m, 3) array
    queries : (q, 3) array
        In the axes and units of `neutral`.
    neighbours : callable
        See `Neighbours`.
    reach : float
        Queries farther than this from every point get zeros.
    k : int
        Number of neighbours.

    Returns
    -------
    fields : (n, q, 3) array
    known : (q,) array of bool
        Which queries had a point within reach.
    """
    distance, near = neighbours(neutral, queries, min(k, len(neutral)))
    known = distance[:, 0] <= reach
    weight = 1.0 / (distance + 1e-3 * reach)
    # A neighbour much farther than the nearest is across a gap, such as on the other lip.
    weight = np.where(distance <= 2.0 * distance[:, :1] + 0.05 * reach, weight, 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    weight[~known] = 0.0
    fields = np.zeros((len(displacements), len(queries), 3), np.float32)
    for j in range(near.shape[1]):
        fields += displacements[:, near[:, j]] * weight[None, :, j, None].astype(np.float32)
    return fields, known
