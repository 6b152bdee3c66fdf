# SPDX-License-Identifier: GPL-3.0-or-later
"""Places the 468 FaceMesh landmarks on the mesh, contours exactly on the openings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.face_model import PART_NAMES
from heat_backend.geometry.landmark_contours import (
    LEFT_EYE,
    LIP_RINGS,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_EYE,
)
from tools.face_model.assemble import Mesh
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.skin import Openings

# FaceMesh contours, from the subject's right to the left along each lip, and from the
# outer to the inner corner along each lid (MediaPipe's FACEMESH_LIPS, FACEMESH_*_EYE).
LIP_CORNERS = (78, 308)
LIP_UPPER_INNER = tuple(LIPS_INNER[1:10])
LIP_LOWER_INNER = tuple(LIP_RINGS[0][1:10])
LIP_OUTER_UPPER = tuple(LIPS_OUTER[1:10])
LIP_OUTER_LOWER = tuple(LIP_RINGS[3][1:10])
LIP_OUTER_CORNERS = (61, 291)
LIP_UPPER_BODY = (*LIP_RINGS[1][:10:-1], *LIP_RINGS[2][:10:-1])
LIP_LOWER_BODY = (*LIP_RINGS[1][1:10], *LIP_RINGS[2][1:10])
EYE_CORNERS = {"right": (33, 133), "left": (263, 362)}  # outer, inner
EYE_UPPER = {"right": tuple(RIGHT_EYE[1:8]), "left": tuple(LEFT_EYE[1:8])}
EYE_LOWER = {"right": tuple(RIGHT_EYE[:8:-1]), "left": tuple(LEFT_EYE[:8:-1])}
# The source's own 68 landmarks that the contours end in or follow.
LM_EYE_CORNERS = {"right": (36, 39), "left": (45, 42)}
LM_LIP_OUTER = tuple(range(48, 60))

CANDIDATES = 48  # triangles looked at for each closest point


@dataclass(frozen=True)
class Spot:
    """A point on the surface: a triangle and its weights."""

    triangle: int
    weights: Floats


def read_table(path: Path) -> Floats:
    """Return the landmark points (468, 3) in cm that ``embed`` wrote."""
    return np.array(json.loads(path.read_text())["points"], dtype=np.float64)


def place(
    kit: Kit, mesh: Mesh, openings: Openings, points: Floats
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return triangle (468,) and weights (468, 3) of each landmark.

    Parameters
    ----------
    kit : Kit
    mesh : Mesh
    openings : Openings
    points : (468, 3) float64
        Measured landmark points in cm, symmetric.
    """
    points = points.copy()
    surface = _Surface(mesh)
    points[list(LIP_OUTER_UPPER + LIP_OUTER_LOWER + LIP_OUTER_CORNERS)] = _onto_curve(
        points[list(LIP_OUTER_UPPER + LIP_OUTER_LOWER + LIP_OUTER_CORNERS)],
        kit.neutral[kit.lm68[[*LM_LIP_OUTER, LM_LIP_OUTER[0]]]],
    )
    line = kit.neutral[openings.lip_inner]
    spots: list[Spot | None] = [None] * len(points)
    for side, names in (
        (1.0, LIP_OUTER_UPPER + LIP_UPPER_BODY),
        (-1.0, LIP_OUTER_LOWER + LIP_LOWER_BODY),
    ):
        for n in names:
            spots[n] = surface.closest(points[n], _lip_triangles(surface, line, side))
    for n, spot in (
        _lip_contour(mesh, openings, points, surface)
        | _eye_contours(kit, mesh, openings, points, surface)
    ).items():
        spots[n] = spot
    done = [s if s else surface.closest(points[n]) for n, s in enumerate(spots)]
    return (
        np.array([s.triangle for s in done], dtype=np.int32),
        np.array([s.weights for s in done], dtype=np.float32),
    )


class _Surface:
    """Skin triangles of the mesh, with closest points and the triangle of each edge."""

    def __init__(self, mesh: Mesh) -> None:
        wanted = [PART_NAMES.index("face"), PART_NAMES.index("head")]
        self.index = np.flatnonzero(np.isin(mesh.triangle_part, wanted))
        self.mesh = mesh
        self.corners = mesh.vertices[mesh.triangles[self.index]]
        self.centre = self.corners.mean(axis=1)
        self.edge: dict[frozenset[int], int] = {}
        for t in self.index.tolist():
            a, b, c = mesh.triangles[t].tolist()
            for pair in ((a, b), (b, c), (c, a)):
                self.edge.setdefault(frozenset(pair), t)

    def closest(self, point: Floats, among: Ints | None = None) -> Spot:
        """Return the closest point of the skin, or of some of its triangles."""
        pool = np.arange(len(self.index)) if among is None else among
        _, near = cKDTree(self.centre[pool]).query(point, k=min(CANDIDATES, len(pool)))
        best, weights = closest_on_triangles(point, self.corners[pool[near]])
        return Spot(int(self.index[pool[near[best]]]), weights)

    def between(self, a: int, b: int, share: float) -> Spot:
        """Return the point on the edge from vertex a to vertex b."""
        t = self.edge[frozenset((a, b))]
        weights = np.zeros(3)
        for k, v in enumerate(self.mesh.triangles[t].tolist()):
            weights[k] = 1.0 - share if v == a else share if v == b else 0.0
        return Spot(t, weights)

    def vertex(self, v: int) -> Spot:
        """Return a vertex as a spot."""
        t = int(self.index[(self.mesh.triangles[self.index] == v).any(axis=1)][0])
        return Spot(t, (self.mesh.triangles[t] == v).astype(np.float64))

    def along(self, run: Ints, x: float) -> Spot:
        """Return the point of a chain of vertices, monotonic in x, at ``x``."""
        xs = self.mesh.vertices[run, 0]
        if xs[0] > xs[-1]:
            run, xs = run[::-1], xs[::-1]
        x = float(np.clip(x, xs[0], xs[-1]))
        k = int(np.clip(np.searchsorted(xs, x) - 1, 0, len(run) - 2))
        share = (x - xs[k]) / (xs[k + 1] - xs[k])
        return self.between(int(run[k]), int(run[k + 1]), float(np.clip(share, 0, 1)))


def closest_on_triangles(point: Floats, corners: Floats) -> tuple[int, Floats]:
    """Return which of the triangles (n, 3, 3) is closest to a point, and the weights there."""
    best, best_distance, best_weights = 0, np.inf, np.zeros(3)
    for k, (a, b, c) in enumerate(corners):
        weights = _weights_in(point, a, b, c)
        gap = weights[0] * a + weights[1] * b + weights[2] * c - point
        distance = float((gap * gap).sum())
        if distance < best_distance - 1e-12:
            best, best_distance, best_weights = k, distance, weights
    return best, best_weights


def _weights_in(p: Floats, a: Floats, b: Floats, c: Floats) -> Floats:
    """Return barycentric weights of the point of a triangle closest to ``p``."""
    u, v, w = b - a, c - a, p - a
    uu, uv, vv = (u * u).sum(), (u * v).sum(), (v * v).sum()
    wu, wv = (w * u).sum(), (w * v).sum()
    scale = uu * vv - uv * uv
    if scale > 1e-18:
        s, t = (vv * wu - uv * wv) / scale, (uu * wv - uv * wu) / scale
        if s >= 0 and t >= 0 and s + t <= 1:
            return np.array([1 - s - t, s, t])
    best, best_distance = np.array([1.0, 0.0, 0.0]), np.inf
    for i, j, start, end in ((0, 1, a, b), (1, 2, b, c), (2, 0, c, a)):
        e = end - start
        share = np.clip(((p - start) * e).sum() / max((e * e).sum(), 1e-18), 0, 1)
        gap = start + share * e - p
        distance = (gap * gap).sum()
        if distance < best_distance:
            best_distance = distance
            best = np.zeros(3)
            best[i], best[j] = 1 - share, share
    return best


def _onto_curve(points: Floats, curve: Floats) -> Floats:
    """Return the closest points on a polyline (m, 3)."""
    out = np.empty_like(points)
    for n, p in enumerate(points):
        starts, ends = curve[:-1], curve[1:]
        e = ends - starts
        share = np.clip(((p - starts) * e).sum(axis=1) / (e * e).sum(axis=1), 0, 1)
        near = starts + share[:, None] * e
        out[n] = near[np.argmin(((near - p) ** 2).sum(axis=1))]
    return out


def _lip_triangles(surface: _Surface, line: Floats, side: float) -> Ints:
    """Return the triangles above (side 1) or below (-1) the line on which the lips meet."""
    order = np.argsort(line[:, 0], kind="stable")
    level = np.interp(surface.centre[:, 0], line[order, 0], line[order, 1])
    return np.flatnonzero((surface.centre[:, 1] - level) * side > 0)


def _lip_contour(
    mesh: Mesh, openings: Openings, points: Floats, surface: _Surface
) -> dict[int, Spot]:
    """Put the inner contour on the loop of the mouth opening, at the measured x."""
    loop = mesh.skin_vertex(openings.lip_inner).astype(np.int64)
    upper = loop[: openings.lip_upper_count]
    lower = np.concatenate([loop[openings.lip_upper_count - 1 :], loop[:1]])
    out = {
        LIP_CORNERS[0]: surface.vertex(int(upper[0])),
        LIP_CORNERS[1]: surface.vertex(int(upper[-1])),
    }
    for run, names in ((upper, LIP_UPPER_INNER), (lower, LIP_LOWER_INNER)):
        out |= {n: surface.along(run, points[n, 0]) for n in names}
    return out


def _eye_contours(
    kit: Kit, mesh: Mesh, openings: Openings, points: Floats, surface: _Surface
) -> dict[int, Spot]:
    """Put the lid contours on the loops; the corners are the source's landmarks."""
    out = {}
    for side, kit_loop in (("left", openings.lid_left), ("right", openings.lid_right)):
        loop = mesh.skin_vertex(kit_loop).astype(np.int64)
        corners = mesh.skin_vertex(kit.lm68[list(LM_EYE_CORNERS[side])])
        for n, v in zip(EYE_CORNERS[side], corners.tolist(), strict=True):
            out[n] = surface.vertex(v)
        canthus = mesh.vertices[[corners[1], loop[0]]]
        upper = loop[: openings.lid_upper_count]
        lower = np.concatenate([loop[openings.lid_upper_count - 1 :], loop[:1]])
        for run, names in ((upper, EYE_UPPER[side]), (lower, EYE_LOWER[side])):
            for n in names:
                if abs(points[n, 0]) < abs(canthus[1, 0]):
                    # Between the corner and the eyeball lies the canthus, which is skin here.
                    out[n] = surface.closest(_onto_curve(points[n : n + 1], canthus)[0])
                else:
                    out[n] = surface.along(_monotonic(mesh, run), points[n, 0])
    return out


def _monotonic(mesh: Mesh, run: Ints) -> Ints:
    """Cut the ends of a run where it turns back in x, so that x tells the place."""
    x = mesh.vertices[run, 0]
    first, last = sorted((int(np.argmin(x)), int(np.argmax(x))))
    return run[first : last + 1]
