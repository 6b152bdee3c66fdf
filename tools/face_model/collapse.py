# SPDX-License-Identifier: GPL-3.0-or-later
"""Thins a triangle mesh by collapsing edges onto existing vertices.

Every vertex that is left is a vertex of the source, so offsets of any kind (identity,
expressions) carry over without interpolation. The cost is the quadric error of Garland
and Heckbert, "Simplifying Surfaces with Color and Texture using Quadric Error Metrics"
(1998), over position and attributes together.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FLIP_COSINE = 0.3  # a triangle may turn by about 70 degrees in one collapse
THIN = 0.02  # least 4 sqrt(3) area / (sum of squared edges) of a new triangle


@dataclass
class _Mesh:
    """The mutable state of one run."""

    points: Floats
    triangles: dict[int, tuple[int, int, int]]
    around: list[set[int]]  # triangles of each vertex
    border: dict[int, set[int]]  # vertex -> neighbours along open edges
    matrix: Floats
    linear: Floats
    constant: Floats
    version: list[int] = field(default_factory=list)

    def neighbours(self, v: int) -> set[int]:
        found = {w for t in self.around[v] for w in self.triangles[t]}
        found.discard(v)
        return found


def collapse(
    points: Floats,
    triangles: Ints,
    weight: Floats,
    locked: NDArray[np.bool_],
    target: int,
    dimensions: int = 3,
    evenness: float = 1e-4,
) -> tuple[Ints, Ints]:
    """Thin a mesh to about ``target`` vertices.

    Parameters
    ----------
    points : (N, D) float64
        Positions in the first three columns, then further attributes in like units.
    triangles : (M, 3) int64
    weight : (N,) float64
        Importance of the error at each vertex; 1 is plain.
    locked : (N,) bool
        Vertices that stay. Open edges collapse only along themselves.
    target : int
        Number of vertices to stop at.
    dimensions : int
        How many columns count as position for the flip test (3).
    evenness : float
        Weight of squared edge length, which keeps flat regions evenly meshed.

    Returns
    -------
    kept : (n,) int64
        Ascending source vertices that are left.
    triangles : (m, 3) int64
        Over source vertices.
    """
    mesh = _start(points, triangles, weight)
    heap: list[tuple[float, int, int, int, int]] = []

    def push(v: int) -> None:
        for w in sorted(mesh.neighbours(v)):
            for a, b in ((v, w), (w, v)):
                if not locked[a] and (a not in mesh.border or b in mesh.border[a]):
                    cost = _cost(mesh, a, b, weight, evenness)
                    heap.append((cost, a, b, mesh.version[a], mesh.version[b]))

    for v in range(len(points)):
        for w in sorted(mesh.neighbours(v)):
            if not locked[v] and (v not in mesh.border or w in mesh.border[v]):
                heap.append((_cost(mesh, v, w, weight, evenness), v, w, 0, 0))
    heapq.heapify(heap)
    left = sum(1 for ts in mesh.around if ts)
    while heap and left > target:
        _, v, w, seen_v, seen_w = heapq.heappop(heap)
        if mesh.version[v] != seen_v or mesh.version[w] != seen_w:
            continue
        if not _allowed(mesh, v, w, dimensions):
            continue
        _merge(mesh, v, w)
        left -= 1
        size = len(heap)
        push(w)
        fresh = heap[size:]
        del heap[size:]
        for item in fresh:
            heapq.heappush(heap, item)
    kept = np.array([v for v, ts in enumerate(mesh.around) if ts], dtype=np.int64)
    return kept, np.array([mesh.triangles[t] for t in sorted(mesh.triangles)], dtype=np.int64)


def _start(points: Floats, triangles: Ints, weight: Floats) -> _Mesh:
    n, d = points.shape
    around: list[set[int]] = [set() for _ in range(n)]
    edges: dict[tuple[int, int], int] = {}
    table = {}
    for t, (a, b, c) in enumerate(triangles.tolist()):
        table[t] = (a, b, c)
        for v, w in ((a, b), (b, c), (c, a)):
            around[v].add(t)
            edges[(v, w)] = t
    border: dict[int, set[int]] = {}
    mesh = _Mesh(
        points, table, around, border, np.zeros((n, d, d)), np.zeros((n, d)), np.zeros(n), [0] * n
    )
    for t in triangles:
        _add_plane(mesh, t, float(weight[t].mean()))
    for v, w in edges:
        if (w, v) not in edges:
            border.setdefault(v, set()).add(w)
            border.setdefault(w, set()).add(v)
            _add_line(mesh, v, w, float(weight[v] + weight[w]) / 2)
    return mesh


def _add_plane(mesh: _Mesh, triangle: Ints, weight: float) -> None:
    """Squared distance to the plane of the triangle in all dimensions, by its area."""
    p, q, r = mesh.points[triangle]
    u = q - p
    length = np.sqrt((u * u).sum())
    if length < 1e-12:
        return
    u = u / length
    v = r - p
    v = v - (v * u).sum() * u
    height = np.sqrt((v * v).sum())
    if height < 1e-12:
        return
    v = v / height
    _add(mesh, triangle, (u, v), p, weight * length * height / 2)


def _add_line(mesh: _Mesh, v: int, w: int, weight: float) -> None:
    """Squared distance to the line of an open edge, by its squared length."""
    p = mesh.points[v]
    u = mesh.points[w] - p
    length = np.sqrt((u * u).sum())
    if length > 1e-12:
        _add(mesh, np.array([v, w]), (u / length,), p, weight * length * length)


def _add(mesh: _Mesh, where: Ints, axes: tuple[Floats, ...], p: Floats, weight: float) -> None:
    matrix = np.eye(len(p))
    linear = -p
    constant = (p * p).sum()
    for e in axes:
        along = (p * e).sum()
        matrix = matrix - e[:, None] * e[None, :]
        linear = linear + along * e
        constant -= along * along
    for v in where:
        mesh.matrix[v] += weight * matrix
        mesh.linear[v] += weight * linear
        mesh.constant[v] += weight * constant


def _cost(mesh: _Mesh, v: int, w: int, weight: Floats, evenness: float) -> float:
    x = mesh.points[w]
    matrix = mesh.matrix[v]
    fit = x @ (matrix @ x) + 2.0 * (mesh.linear[v] @ x) + mesh.constant[v]
    gap = x[:3] - mesh.points[v, :3]
    return float(max(fit, 0.0) + evenness * weight[v] * (gap @ gap))


def _allowed(mesh: _Mesh, v: int, w: int, dimensions: int) -> bool:
    """Keep the surface a manifold, unflipped and without slivers."""
    shared = mesh.around[v] & mesh.around[w]
    if not shared:
        return False
    common = mesh.neighbours(v) & mesh.neighbours(w)
    if len(common) != len(shared):
        return False
    if v in mesh.border and w in mesh.border and len(shared) != 1:
        return False
    if v not in mesh.border and len(mesh.neighbours(v)) <= 3:
        return False
    for t in mesh.around[v] - shared:
        corners = mesh.triangles[t]
        before = mesh.points[list(corners), :dimensions]
        after = mesh.points[[w if c == v else c for c in corners], :dimensions]
        n0 = _normal(before)
        n1 = _normal(after)
        size = np.sqrt((n0 @ n0) * (n1 @ n1))
        if (n0 @ n1) < FLIP_COSINE * size:
            return False
        edges = after - np.roll(after, 1, axis=0)
        if 2 * np.sqrt(3.0) * np.sqrt(n1 @ n1) < THIN * (edges * edges).sum():
            return False
    return True


def _normal(corners: Floats) -> Floats:
    (ax, ay, az), (bx, by, bz) = (corners[1] - corners[0]), (corners[2] - corners[0])
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def _merge(mesh: _Mesh, v: int, w: int) -> None:
    for t in mesh.around[v] & mesh.around[w]:
        for c in mesh.triangles.pop(t):
            mesh.around[c].discard(t)
    for t in mesh.around[v]:
        mesh.triangles[t] = tuple(w if c == v else c for c in mesh.triangles[t])  # type: ignore[assignment]
    mesh.around[w] |= mesh.around[v]
    mesh.around[v] = set()
    mesh.matrix[w] += mesh.matrix[v]
    mesh.linear[w] += mesh.linear[v]
    mesh.constant[w] += mesh.constant[v]
    if v in mesh.border:
        for u in mesh.border.pop(v):
            mesh.border[u].discard(v)
            if u != w:
                mesh.border[u].add(w)
                mesh.border[w].add(u)
    mesh.version[v] += 1
    mesh.version[w] += 1
