# SPDX-License-Identifier: GPL-3.0-or-later
"""A file in the Basel model's layout made from another mesh, whose true expression map is known.

Rays from an axis inside the head meet our skin on a regular grid: other vertices and triangles
than ours, each exactly on our surface. The person is another one (identity weights), bent by a
smooth field that our identity basis does not know, in other units and elsewhere. Its expression
basis mixes our 52 shapes with 12 fields of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import savemat
from scipy.spatial import cKDTree

from bridge.face_model import FaceModel, landmarks
from heat_backend.styleheat.bfm.surface import SurfacePoints
from heat_backend.styleheat.crops.deep3d import landmarks_68

UNIT = 0.892  # decimetres per outer-eye distance
SHIFT = np.array([0.3, -1.2, 4.0])


@dataclass(frozen=True)
class OtherFace:
    """What was written, and the truth about it."""

    mean: np.ndarray  # (N, 3) decimetres
    basis: np.ndarray  # (N, 3, 64)
    triangles: np.ndarray
    keypoints: np.ndarray
    matrix: np.ndarray  # (64, 52), the true map
    shapes: np.ndarray  # (N, 3, 52), our shapes at its vertices


def grid_on(model: FaceModel, rows: int, columns: int) -> tuple[SurfacePoints, np.ndarray]:
    """Points of our face on a grid of rays, and the grid's triangles."""
    skin = model.part("face")
    vertices = skin.vertices.astype(np.float64)
    triangles = skin.triangles.astype(np.int64)
    turn = np.radians(np.linspace(-75, 75, columns))
    height = np.linspace(-0.85, 1.15, rows)
    ways = np.stack([np.sin(turn), np.zeros(columns), np.cos(turn)])
    hits: list[tuple[int, np.ndarray]] = []
    place = np.full((rows, columns), -1)
    for r, y in enumerate(height):
        for c, hit in enumerate(_cast(np.array([0.0, y, 0.1]), ways, vertices[triangles])):
            if hit is not None:
                place[r, c] = len(hits)
                hits.append(hit)
    quads = np.stack(
        [place[:-1, :-1], place[:-1, 1:], place[1:, 1:], place[1:, :-1]], axis=-1
    ).reshape(-1, 4)
    quads = quads[(quads >= 0).all(axis=1)]
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    which = np.array([t for t, _ in hits])
    points = SurfacePoints(which, np.stack([w for _, w in hits]), np.zeros(len(hits)))
    return points, faces


def _cast(origin: np.ndarray, ways: np.ndarray, corners: np.ndarray):
    """First triangle that each ray meets, from outside; the rays' directions are (3, n).

    Moeller and Trumbore, 1997, with its triple products turned so that rays share cross products.
    """
    a, u, v = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    off = origin - a
    q = np.cross(off, u)
    det = np.cross(v, u) @ ways
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.cross(v, off) @ ways / det
        t = q @ ways / det
        far = (v * q).sum(axis=1)[:, None] / det
    hit = (s >= 0) & (t >= 0) & (s + t <= 1) & (far > 0) & (np.abs(det) > 1e-12)
    first = np.where(hit, far, -np.inf).argmax(axis=0)
    return [
        (int(k), np.array([1 - s[k, c] - t[k, c], s[k, c], t[k, c]])) if hit[k, c] else None
        for c, k in enumerate(first)
    ]


def make(model: FaceModel, rows: int = 120, columns: int = 110, seed: int = 7) -> OtherFace:
    rng = np.random.default_rng(seed)
    skin = model.part("face")
    triangles = skin.triangles.astype(np.int64)
    points, faces = grid_on(model, rows, columns)
    who = 0.7 * rng.standard_normal(len(model.identity))
    person = model.vertices + np.tensordot(who, model.identity, 1)
    person = person.astype(np.float64)
    person += 0.01 * np.sin(2.5 * person[:, [1, 2, 0]] + rng.uniform(0, 6, 3))
    mean = points.of(person[skin.index], triangles)
    shapes = np.moveaxis(points.of(skin.expression.astype(np.float64), triangles), 0, -1) * UNIT
    basis, matrix = _mixed(shapes, mean, rng)
    marks = landmarks_68(landmarks(model, person))
    keypoints = cKDTree(mean).query(marks)[1]
    return OtherFace(mean * UNIT + SHIFT, basis, faces, keypoints, matrix, shapes)


def _mixed(shapes: np.ndarray, mean: np.ndarray, rng: np.random.Generator):
    """Basis (N, 3, 64) of unit-variance coefficients, and the true map (64, 52)."""
    count = len(mean)
    own = np.stack(
        [np.sin(mean[:, [1, 2, 0]] * rng.uniform(2, 4, 3) + rng.uniform(0, 6, 3))
         for _ in range(12)], axis=-1,
    )  # fmt: skip
    own *= 0.02 * UNIT
    both = np.concatenate([shapes, own], axis=-1).reshape(3 * count, 64)
    q, _ = np.linalg.qr(rng.standard_normal((64, 64)))
    mix = q * rng.uniform(0.3, 0.9, 64)
    return (both @ mix).reshape(count, 3, 64), np.linalg.inv(mix)[:, :52]


def write(face: OtherFace, folder: Path) -> Path:
    """Write ``BFM_model_front.mat``."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(face.mean)
    place = folder / "BFM_model_front.mat"
    savemat(
        place,
        {
            "meanshape": face.mean.reshape(1, -1).astype(np.float32),
            "exBase": face.basis.reshape(3 * count, 64).astype(np.float32),
            "tri": (face.triangles + 1).astype(np.float64),
            "keypoints": (face.keypoints[None] + 1).astype(np.float64),
        },
    )
    return place
