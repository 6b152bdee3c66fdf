# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin: cut open at the inner lip line and the lid margins, then thinned."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tools.face_model import kit as source
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.parts import Part, border_loops, corner_steps, from_kit, thin_symmetric

# The source lays closed rings of quads around each opening. The lips touch at the 7th
# ring out of the mouth socket, the outer edge of the lid margin is the 2nd.
LIP_RING = 7
LID_RING = 2

BROWS = (slice(17, 22), slice(22, 27))  # of the source's 68 landmarks
SKIN_TARGET = 5000
SKIN_COLOUR = (214, 165, 140)
LIP_COLOUR = (176, 92, 88)
BROW_COLOUR = (92, 66, 52)
LASH_COLOUR = (84, 58, 50)
NOSTRIL_COLOUR = (96, 52, 44)

# The neck ends on a plane from under the jaw to the nape (y, z in cm).
NECK_FRONT = (-9.2, 5.0)
NECK_BACK = (-6.5, -7.0)


@dataclass(frozen=True)
class Openings:
    """Where the skin is cut, as vertices and faces of the kit.

    Attributes
    ----------
    skin_faces : (M, 4) int64
        Faces outside the cuts.
    lip_inner, lid_left, lid_right : int64
        Closed loops as the shipped model orders them.
    lip_upper_count, lid_upper_count : int
        Vertices of the upper runs, both corners included.
    lip_lining, margin_left, margin_right : (m, 4) int64
        Faces between the cut and the sockets.
    lip_steps, lid_steps : dict of int to int
        Rings outward from the socket.
    """

    skin_faces: Ints
    lip_inner: Ints
    lid_left: Ints
    lid_right: Ints
    lip_upper_count: int
    lid_upper_count: int
    lip_lining: Ints
    margin_left: Ints
    margin_right: Ints
    lip_steps: dict[int, int]
    lid_steps: dict[int, int]


def cut_openings(kit: Kit) -> Openings:
    """Find the lip line and the lid margins, and order their loops."""
    faces = kit.faces[slice(*source.SKIN_FACES)]
    loops = [np.array(loop) for loop in border_loops(faces)]
    # The three openings lie in front; the fourth open border is the base of the neck.
    loops = [loop for loop in loops if kit.neutral[loop, 2].min() > 0]
    middle = [kit.neutral[loop, 0].mean() for loop in loops]
    mouth = loops[int(np.argmin(np.abs(middle)))]
    left = loops[int(np.argmax(middle))]
    right = loops[int(np.argmin(middle))]
    lip_steps = corner_steps(kit, faces, mouth, 30)
    left_steps = corner_steps(kit, faces, left, 14)
    right_steps = corner_steps(kit, faces, right, 14)
    inside_mouth = _all_within(faces, lip_steps, LIP_RING)
    inside_left = _all_within(faces, left_steps, LID_RING)
    inside_right = _all_within(faces, right_steps, LID_RING)
    skin = faces[~(inside_mouth | inside_left | inside_right)]
    lip, lip_upper = _ordered(kit, _ring(lip_steps, LIP_RING), faces[inside_mouth], -1.0)
    lid_left, lid_upper = _ordered(kit, _ring(left_steps, LID_RING), faces[inside_left], -1.0)
    # The right lid is the left one mirrored, so both loops correspond entry by entry.
    return Openings(
        skin,
        lip,
        lid_left,
        kit.mirror[lid_left],
        lip_upper,
        lid_upper,
        faces[inside_mouth],
        faces[inside_left],
        faces[inside_right],
        lip_steps,
        left_steps | right_steps,
    )


def _ring(steps: dict[int, int], ring: int) -> set[int]:
    return {v for v, k in steps.items() if k == ring}


def _all_within(faces: Ints, steps: dict[int, int], ring: int) -> NDArray[np.bool_]:
    inside = np.zeros(faces.max() + 1, dtype=bool)
    inside[[v for v, k in steps.items() if k <= ring]] = True
    return np.asarray(inside[faces].all(axis=1))


def _ordered(kit: Kit, ring: set[int], strip: Ints, start_side: float) -> tuple[Ints, int]:
    """Order a ring from its corner on ``start_side`` of x over the top and back below."""
    loop = next(loop for loop in border_loops(strip) if set(loop) <= ring)
    x = kit.neutral[loop, 0] * start_side
    loop = loop[int(np.argmax(x)) :] + loop[: int(np.argmax(x))]
    y = kit.neutral[loop, 1]
    far = int(np.argmin(kit.neutral[loop, 0] * start_side))
    if y[1 : len(loop) // 4].mean() < y[-(len(loop) // 4) :].mean():
        loop = loop[:1] + loop[:0:-1]
        far = len(loop) - far
    return np.array(loop, dtype=np.int64), far + 1


def skin_part(kit: Kit, openings: Openings, target: int = SKIN_TARGET) -> Part:
    """Thin and colour the skin; all of it is still one part named ``face``.

    Parameters
    ----------
    kit : Kit
    openings : Openings
    target : int
        Wanted number of vertices.
    """
    locked = np.concatenate([openings.lip_inner, openings.lid_left, openings.lid_right])
    # The ring around the mouth stays too: it carries the roundness of the lips.
    around = [v for v, k in openings.lip_steps.items() if k == LIP_RING + 1]
    locked = np.union1d(np.union1d(locked, kit.lm68), around)
    vertices, triangles = thin_symmetric(
        kit, openings.skin_faces, target, _importance(kit, openings), locked
    )
    return from_kit(kit, "face", vertices, triangles, paint_skin(kit, openings)[vertices])


def _importance(kit: Kit, openings: Openings) -> Floats:
    weight = np.full(len(kit.neutral), 0.03)
    weight[slice(*source.FACE)] = 0.15
    weight[slice(*source.NARROW_FACE)] = 1.0
    for side in BROWS:
        brow = _line_distance(kit.neutral, kit.neutral[kit.lm68[side]])
        weight[: source.NARROW_FACE[1]][brow[: source.NARROW_FACE[1]] < 0.8] = 3.0
    weight[_nostril(kit)] = 0.4
    for steps, reach, gain in ((openings.lip_steps, 18, 5.0), (openings.lid_steps, 12, 5.0)):
        for v, k in steps.items():
            if k <= reach:
                weight[v] = max(weight[v], gain)
    return weight


def paint_skin(kit: Kit, openings: Openings) -> NDArray[np.uint8]:
    """Paint lips, brows, lash lines and nostrils on plain skin, for all kit vertices (N, 3)."""
    colour = np.tile(np.array(SKIN_COLOUR, dtype=np.float64), (len(kit.neutral), 1))
    position = kit.neutral

    def paint(mask: Floats, rgb: tuple[int, int, int]) -> None:
        colour[:] += np.clip(mask, 0, 1)[:, None] * (np.array(rgb) - colour)

    steps = np.full(len(position), 99.0)
    for v, k in openings.lip_steps.items():
        steps[v] = k
    # The vermilion ends at the rings of the source's outer lip landmarks (12 to 15).
    outer_ring = np.interp(np.abs(position[:, 0]), [0.0, 0.7, 2.1, 2.6], [14.6, 14.6, 13.4, 12.4])
    lower = position[:, 1] < -3.5
    outer_ring = np.where(lower, np.minimum(outer_ring, 12.4), outer_ring)
    paint(outer_ring + 0.5 - steps, LIP_COLOUR)
    for side in BROWS:
        line = position[kit.lm68[side]]
        paint(1.4 - _line_distance(position, line) / 0.42, BROW_COLOUR)
    lids = np.full(len(position), 99.0)
    for v, k in openings.lid_steps.items():
        lids[v] = k
    paint((LID_RING + 1.5 - lids) * 0.8, LASH_COLOUR)
    paint(_nostril(kit).astype(np.float64), NOSTRIL_COLOUR)
    return np.round(colour).astype(np.uint8)


def _nostril(kit: Kit) -> NDArray[np.bool_]:
    """Mark the sacs behind the nostrils (N,): what is connected above their openings."""
    p = kit.neutral
    # The openings lie in a plane that rises toward the tip of the nose (y over z, cm).
    above = p[:, 1] > -0.58 + 0.27 * (p[:, 2] - 11.1)
    box = above & (np.abs(p[:, 0]) < 1.5) & (p[:, 1] < 1.1) & (p[:, 2] < 11.8) & (p[:, 2] > 9.6)
    faces = kit.faces[slice(*source.NARROW_FACE_FACES)]
    faces = faces[box[faces].all(axis=1)]
    deepest = [np.argmin(((p - (x, 0.1, 9.8)) ** 2).sum(axis=1)) for x in (-0.72, 0.72)]
    inside = np.zeros(len(p), dtype=bool)
    inside[list(corner_steps(kit, faces, map(int, deepest), 40))] = True
    return inside


def _line_distance(points: Floats, line: Floats) -> Floats:
    """Return the distance of points (n, 3) to a polyline (m, 3)."""
    best = np.full(len(points), np.inf)
    for p, q in pairwise(line):
        u = q - p
        t = np.clip((points - p) @ u / (u @ u), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - p - t[:, None] * u, axis=1))
    return best


def region_of_skin(kit: Kit, vertices: Ints) -> NDArray[np.str_]:
    """Name the region of skin vertices: ``face``, ``head`` or ``neck``.

    The face is the source's narrow face area (forehead to chin, ear to ear), the neck is
    what lies under a plane from below the jaw to the nape.
    """
    p = kit.neutral[vertices]
    (y0, z0), (y1, z1) = NECK_FRONT, NECK_BACK
    under = p[:, 1] < y0 + (p[:, 2] - z0) * (y1 - y0) / (z1 - z0)
    rest = np.where(under, "neck", "head")
    return np.where(vertices < source.NARROW_FACE[1], "face", rest)
