# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the model while it is built, and the symmetric thinning that most parts share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from tools.face_model.collapse import collapse
from tools.face_model.kit import Floats, Ints, Kit

# Shapes that move together without overlapping: deformed positions under each group
# are attributes of the quadric error, so that creases of expressions keep their vertices.
ATTRIBUTE_GROUPS = (
    ("jawOpen",),
    ("browDownLeft", "browDownRight", "eyeBlinkLeft", "mouthSmileLeft", "mouthSmileRight"),
    ("browInnerUp", "browOuterUpLeft", "eyeSquintLeft", "cheekSquintLeft", "mouthPucker"),
    ("noseSneerLeft", "noseSneerRight", "cheekPuff", "mouthRollLower", "mouthRollUpper"),
)
ATTRIBUTE_WEIGHT = 0.7


@dataclass(frozen=True)
class Part:
    """One named piece: geometry, offsets and colour, in the source's units.

    ``source`` holds the kit vertex of each vertex, or -1 where the part was made here.
    """

    name: str
    vertices: Floats  # (n, 3)
    triangles: Ints  # (m, 3)
    identity: Floats  # (K, n, 3)
    expression: Floats  # (52, n, 3)
    albedo: NDArray[np.uint8]  # (n, 3)
    source: Ints  # (n,)


def from_kit(
    kit: Kit, name: str, vertices: Ints, triangles: Ints, albedo: NDArray[np.uint8]
) -> Part:
    """Cut a part out of the kit.

    Parameters
    ----------
    kit : Kit
    name : str
        One of the model's part names.
    vertices : (n,) int64
        Kit vertices in the order the part shall have them.
    triangles : (m, 3) int64
        Over kit vertices.
    albedo : (n, 3) uint8
    """
    local = np.full(len(kit.neutral), -1, dtype=np.int64)
    local[vertices] = np.arange(len(vertices))
    return Part(
        name,
        kit.neutral[vertices],
        local[triangles],
        kit.identity[:, vertices],
        kit.expression[:, vertices],
        albedo,
        vertices,
    )


def corner_steps(kit: Kit, faces: Ints, start: Iterable[int], limit: int) -> dict[int, int]:
    """Count edge steps from ``start`` over ``faces``, up to ``limit`` steps."""
    around: dict[int, set[int]] = {}
    for quad in faces.tolist():
        for a, b in zip(quad, quad[1:] + quad[:1], strict=True):
            around.setdefault(a, set()).add(b)
            around.setdefault(b, set()).add(a)
    steps = {int(v): 0 for v in start}
    front = sorted(steps)
    for k in range(1, limit + 1):
        front = sorted({w for v in front for w in around[v]} - steps.keys())
        steps.update(dict.fromkeys(front, k))
    return steps


def border_loops(faces: Ints) -> list[list[int]]:
    """Return the closed loops of open edges, each in the direction of its faces."""
    edges = {
        (a, b)
        for face in faces.tolist()
        for a, b in zip(face, face[1:] + face[:1], strict=True)
        if a != b
    }
    after = {a: b for a, b in sorted(edges) if (b, a) not in edges}
    loops = []
    while after:
        start = min(after)
        loop = [start]
        v = after.pop(start)
        while v != start:
            loop.append(v)
            v = after.pop(v)
        loops.append(loop)
    return loops


def triangulate(kit: Kit, faces: Ints) -> Ints:
    """Split quads along the shorter diagonal; faces with a repeated corner stay as they are."""
    out = []
    for a, b, c, d in faces.tolist():
        if a == d:
            out.append((a, b, c))
            continue
        ac = ((kit.neutral[a] - kit.neutral[c]) ** 2).sum()
        bd = ((kit.neutral[b] - kit.neutral[d]) ** 2).sum()
        out += [(a, b, c), (a, c, d)] if ac <= bd else [(a, b, d), (b, c, d)]
    return np.array(out, dtype=np.int64)


def thin_symmetric(
    kit: Kit, faces: Ints, target: int, weight: Floats, locked: Iterable[int]
) -> tuple[Ints, Ints]:
    """Thin the left half of ``faces`` and mirror what is left.

    Parameters
    ----------
    kit : Kit
    faces : (M, 4) int64
        Faces of the kit, symmetric as a set.
    target : int
        Wanted number of vertices of both halves together.
    weight : (N,) float64
        Importance per kit vertex.
    locked : iterable of int
        Kit vertices that must stay.

    Returns
    -------
    vertices, triangles
        Kit vertices, and triangles over kit vertices.
    """
    # Left means x > 0; a face on the midline belongs to the side of its other corners.
    half = faces[(kit.neutral[faces, 0] >= 0).all(axis=1)]
    used, triangles = np.unique(triangulate(kit, half), return_inverse=True)
    triangles = triangles.reshape(-1, 3)
    groups = [
        kit.expression[[EXPRESSION_NAMES.index(n) for n in g]].sum(axis=0)[used]
        for g in ATTRIBUTE_GROUPS
    ]
    points = np.concatenate([kit.neutral[used], *(ATTRIBUTE_WEIGHT * g for g in groups)], axis=1)
    hold = np.isin(used, np.fromiter(locked, dtype=np.int64))
    middle = (kit.mirror[used] == used).sum()
    kept, triangles = collapse(points, triangles, weight[used], hold, (target + int(middle)) // 2)
    left = used[triangles]
    right = kit.mirror[left][:, ::-1]
    vertices = used[kept]
    vertices = np.unique(np.concatenate([vertices, kit.mirror[vertices]]))
    return vertices, np.concatenate([left, right])
