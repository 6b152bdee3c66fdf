# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyeballs of our own: clean spheres, and the lid margins that close the gap to the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from heat_backend.geometry.mesh_normals import triangle_normals
from tools.face_model import kit as source
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.parts import Part

IRIS_RADIUS = 0.585  # cm; the visible iris is 11.7 mm wide in adults
PUPIL_RADIUS = 0.20
SEGMENTS = 24
REAR = np.radians(40.0)  # from the axis to the sclera used for the fit, free of the cornea
SCLERA_COLOUR = (232, 228, 224)
LIMBUS_COLOUR = (52, 40, 34)
IRIS_COLOUR = (104, 76, 54)
PUPIL_COLOUR = (14, 12, 12)
MARGIN_COLOUR = (196, 132, 118)


@dataclass(frozen=True)
class Eye:
    """The sphere of one eye and how identity moves and scales it (cm)."""

    centre: Floats  # (3,)
    radius: float
    centre_identity: Floats  # (K, 3)
    radius_identity: Floats  # (K,)


def fit_eye(kit: Kit, lid_steps: dict[int, int], side: float) -> Eye:
    """Fit a sphere to the rear of the sclera and to the inner edge of the lids.

    The source's sclera is narrower than the lids that lie on it, so the radius is taken
    from the lids' inner edge and only the centre from the sclera.

    Parameters
    ----------
    kit : Kit
    lid_steps : dict of int to int
        Rings of skin vertices outward from the eye sockets.
    side : float
        +1 for the subject's left eye, -1 for the right.
    """
    a, b = source.SCLERA_LEFT
    ball = kit.neutral[a:b]
    rough = (ball.min(axis=0) + ball.max(axis=0)) / 2
    angle = np.arctan2(np.hypot(*(ball - rough)[:, :2].T), (ball - rough)[:, 2])
    rear = np.flatnonzero(angle > REAR)
    centre, _ = _sphere(ball[rear])
    edge = np.array([v for v, k in lid_steps.items() if k == 0 and kit.neutral[v, 0] > 0])
    radius = float(np.median(np.linalg.norm(kit.neutral[edge] - centre, axis=1)))
    # Both scleras have the same vertex order; the right one starts 1570 later.
    rear = rear + a + (0 if side > 0 else 1570)
    centre = centre * (side, 1, 1)
    normal = kit.neutral[rear] - centre
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    basis = np.zeros((len(rear), 3, 4))
    basis[:, :, :3] = np.eye(3)
    basis[:, :, 3] = normal
    rows = basis.reshape(-1, 4)
    offsets = kit.identity[:, rear].reshape(len(kit.identity), -1)
    solved = np.asarray(np.linalg.solve(rows.T @ rows, rows.T @ offsets.T).T, np.float64)
    return Eye(centre, radius, solved[:, :3], solved[:, 3])


def _sphere(points: Floats) -> tuple[Floats, float]:
    """Fit a sphere by linear least squares."""
    rows = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    c = np.linalg.solve(rows.T @ rows, rows.T @ (points**2).sum(axis=1))
    return c[:3], float(np.sqrt(c[3] + c[:3] @ c[:3]))


def eyeball(eye: Eye, name: str) -> Part:
    """Make a closed sphere that looks along +z, with rings at pupil and iris edge."""
    iris = np.arcsin(IRIS_RADIUS / eye.radius)
    pupil = np.arcsin(PUPIL_RADIUS / eye.radius)
    rings = [
        (pupil * 0.93, PUPIL_COLOUR),
        (pupil * 1.05, IRIS_COLOUR),
        (iris * 0.62, IRIS_COLOUR),
        (iris * 0.86, IRIS_COLOUR),
        (iris * 0.95, LIMBUS_COLOUR),
        (iris * 1.03, SCLERA_COLOUR),
    ]
    rings += [(float(a), SCLERA_COLOUR) for a in np.radians([29, 38, 48, 60, 75, 95, 125, 155])]
    theta = np.arange(SEGMENTS) * (2 * np.pi / SEGMENTS)
    points = [np.array([[0.0, 0.0, 1.0]])]
    colours = [np.array([PUPIL_COLOUR])]
    for angle, rgb in rings:
        s, c = np.sin(angle), np.cos(angle)
        points.append(
            np.stack([s * np.cos(theta), s * np.sin(theta), np.full(SEGMENTS, c)], axis=1)
        )
        colours.append(np.tile(rgb, (SEGMENTS, 1)))
    points.append(np.array([[0.0, 0.0, -1.0]]))
    colours.append(np.array([SCLERA_COLOUR]))
    normal = np.concatenate(points)
    vertices = eye.centre + eye.radius * normal
    identity = eye.centre_identity[:, None] + eye.radius_identity[:, None, None] * normal
    return Part(
        name,
        vertices,
        _sphere_triangles(len(rings)),
        identity,
        np.zeros((len(EXPRESSION_NAMES), *vertices.shape)),
        np.concatenate(colours).astype(np.uint8),
        np.full(len(vertices), -1, dtype=np.int64),
    )


def _sphere_triangles(rings: int) -> Ints:
    j = np.arange(SEGMENTS)
    k = (j + 1) % SEGMENTS
    out = [np.stack([np.zeros_like(j), 1 + j, 1 + k], axis=1)]
    for r in range(rings - 1):
        a, b = 1 + r * SEGMENTS, 1 + (r + 1) * SEGMENTS
        out.append(np.stack([a + j, b + j, b + k], axis=1))
        out.append(np.stack([a + j, b + k, a + k], axis=1))
    last = 1 + (rings - 1) * SEGMENTS
    out.append(np.stack([last + j, np.full_like(j, last + SEGMENTS), last + k], axis=1))
    return np.concatenate(out).astype(np.int64)


def lid_margin(kit: Kit, eye: Eye, loop: Ints, steps: dict[int, int], name: str) -> Part:
    """Make the strip from the cut in the skin along the wet margin into the eyeball.

    Three rows of vertices, all in the order of ``loop``: the cut itself, the inner edge of
    the lid (ring 0 of the source), and the same sunk into the eyeball, so that no slit
    opens where the lid stands off.
    """
    inner_ring = np.array([v for v, k in steps.items() if k == 0])
    inner_ring = inner_ring[kit.neutral[inner_ring, 0] * eye.centre[0] > 0]
    inner = _follow(kit, loop, steps)
    n = len(loop)
    if not np.isin(inner, inner_ring).all() or len(set(inner.tolist())) != n:
        raise AssertionError("the rings of the lid margin do not correspond")
    rows = np.concatenate([loop, inner, inner])
    vertices = kit.neutral[rows].copy()
    vertices[2 * n :] = eye.centre + 0.8 * (vertices[2 * n :] - eye.centre)
    j = np.arange(n)
    k = (j + 1) % n
    strips = [
        np.concatenate(
            [
                np.stack([a + j, b + j, b + k], axis=1),
                np.stack([a + j, b + k, a + k], axis=1),
            ]
        )
        for a, b in ((0, n), (n, 2 * n))
    ]
    triangles = np.concatenate(strips)
    # Outward means toward the viewer for the strip as a whole.
    if triangle_normals(vertices, triangles)[:, 2].sum() < 0:
        triangles = triangles[:, ::-1]
    albedo: NDArray[np.uint8] = np.tile(np.array(MARGIN_COLOUR, dtype=np.uint8), (3 * n, 1))
    return Part(
        name,
        vertices,
        triangles,
        kit.identity[:, rows],
        kit.expression[:, rows],
        albedo,
        np.where(np.arange(3 * n) < 2 * n, rows, -1),
    )


def _follow(kit: Kit, loop: Ints, steps: dict[int, int]) -> Ints:
    """Walk from each vertex of the cut straight inward to ring 0."""
    faces = kit.faces[slice(*source.SKIN_FACES)]
    near: dict[int, set[int]] = {}
    for quad in faces.tolist():
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            near.setdefault(a, set()).add(b)
            near.setdefault(b, set()).add(a)
    out = loop.tolist()
    for ring in range(steps[int(loop[0])] - 1, -1, -1):
        out = [min(w for w in near[v] if steps.get(w) == ring) for v in out]
    return np.array(out, dtype=np.int64)
