# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins the parts into one mesh, changes frame and unit, and quantises the offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FORMAT, PART_NAMES, SKIN_PARTS, VERSION
from tools.face_model.eyes import IRIS_RADIUS, Eye
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.parts import Part
from tools.face_model.skin import Openings, region_of_skin

# The skull turns on the neck at the occipital condyles: between the ear canals, about
# 1 cm behind and 2.5 cm below them. The source's ear canals open at y 0.5, z 0.9 (cm).
EAR_CANAL = (0.0, 0.5, 0.9)
PIVOT = (0.0, EAR_CANAL[1] - 2.5, EAR_CANAL[2] - 1.0)
OUTER_CORNERS = (36, 45)  # of the source's 68 landmarks

IDENTITY_STEP = 0.002  # cm; no identity offset is off by more than half of it, if int8 holds it
EXPRESSION_STEP = 0.002  # cm


@dataclass(frozen=True)
class Mesh:
    """All parts as one mesh, in centimetres and the frame of the kit.

    ``source`` holds kit vertices, -1 where a vertex was made here.
    """

    vertices: Floats
    triangles: Ints
    vertex_part: NDArray[np.uint8]
    triangle_part: NDArray[np.uint8]
    albedo: NDArray[np.uint8]
    identity: Floats
    expression: Floats
    source: Ints

    def skin_vertex(self, kit_vertices: Ints) -> NDArray[np.int32]:
        """Return the skin vertices that stand for kit vertices; all must be there."""
        skin = np.isin(self.vertex_part, [PART_NAMES.index(n) for n in SKIN_PARTS])
        where = np.full(int(self.source.max()) + 1, -1)
        where[self.source[skin]] = np.flatnonzero(skin)
        found = where[kit_vertices]
        if (found < 0).any():
            raise AssertionError("a vertex of a loop did not survive the thinning")
        return found.astype(np.int32)


def join(kit: Kit, parts: Sequence[Part]) -> Mesh:
    """Concatenate parts in the order of ``PART_NAMES`` and split the skin into its regions."""
    order = sorted(parts, key=lambda p: PART_NAMES.index(p.name))
    start = np.cumsum([0] + [len(p.vertices) for p in order])
    vertex_part, triangle_part = [], []
    for p in order:
        if p.name == "face":
            region = region_of_skin(kit, p.source)
            number = np.array([PART_NAMES.index(str(n)) for n in region])
            vertex_part.append(number)
            # A triangle across a seam goes to the later region.
            triangle_part.append(number[p.triangles].max(axis=1))
        else:
            vertex_part.append(np.full(len(p.vertices), PART_NAMES.index(p.name)))
            triangle_part.append(np.full(len(p.triangles), PART_NAMES.index(p.name)))
    return Mesh(
        np.concatenate([p.vertices for p in order]),
        np.concatenate([p.triangles + s for p, s in zip(order, start[:-1], strict=True)]),
        np.concatenate(vertex_part).astype(np.uint8),
        np.concatenate(triangle_part).astype(np.uint8),
        np.concatenate([p.albedo for p in order]),
        np.concatenate([p.identity for p in order], axis=1),
        np.concatenate([p.expression for p in order], axis=1),
        np.concatenate([p.source for p in order]),
    )


def unit_length(kit: Kit) -> float:
    """Return the distance of the outer eye corners in centimetres."""
    a, b = kit.neutral[kit.lm68[list(OUTER_CORNERS)]]
    return float(np.sqrt(((a - b) ** 2).sum()))


def encode(kit: Kit, mesh: Mesh, openings: Openings, eyes: Sequence[Eye]) -> dict[str, NDArray]:
    """Return the arrays of the file, except the landmarks.

    Parameters
    ----------
    kit : Kit
    mesh : Mesh
    openings : Openings
    eyes : sequence of Eye
        Left, right.
    """
    unit = unit_length(kit)
    peak = np.abs(mesh.identity).max(axis=(1, 2))
    # Components are ordered by size: the first ones need 16 bits, the rest fit into 8.
    fine = int(np.flatnonzero(peak > 127 * IDENTITY_STEP).max()) + 1
    step = np.where(np.arange(len(peak)) < fine, IDENTITY_STEP / 4, np.maximum(peak, 1e-6) / 127)
    whole = np.round(mesh.identity / step[:, None, None])
    steps = np.round(mesh.expression / EXPRESSION_STEP).astype(np.int16)
    shape_of, vertex = np.nonzero(steps.any(axis=2))
    return {
        "format": np.array(FORMAT),
        "version": np.array(VERSION, dtype=np.int32),
        "source": np.array("ICT-FaceKit, USC Institute for Creative Technologies, MIT licence"),
        "vertices": ((mesh.vertices - PIVOT) / unit).astype(np.float32),
        "triangles": mesh.triangles.astype(np.uint16),
        "triangle_part": mesh.triangle_part,
        "vertex_part": mesh.vertex_part,
        "vertex_albedo": mesh.albedo,
        "identity_fine": whole[:fine].astype(np.int16),
        "identity_coarse": whole[fine:].astype(np.int8),
        "identity_step": (step / unit).astype(np.float32),
        "expression_count": np.bincount(shape_of, minlength=len(steps)).astype(np.int32),
        "expression_vertex": vertex.astype(np.uint16),
        "expression_offset": steps[shape_of, vertex],
        "expression_step": np.array(EXPRESSION_STEP / unit, dtype=np.float32),
        "lip_inner": mesh.skin_vertex(openings.lip_inner),
        "lip_upper_count": np.array(openings.lip_upper_count, dtype=np.int32),
        "lid_left": mesh.skin_vertex(openings.lid_left),
        "lid_right": mesh.skin_vertex(openings.lid_right),
        "lid_upper_count": np.array(openings.lid_upper_count, dtype=np.int32),
        "eye_center": np.array([(e.centre - PIVOT) / unit for e in eyes], dtype=np.float32),
        "eye_center_identity": np.stack(
            [(e.centre_identity / unit).astype(np.float32) for e in eyes], axis=1
        ),
        "eye_radius": np.array([e.radius / unit for e in eyes], dtype=np.float32),
        "eye_radius_identity": np.stack(
            [(e.radius_identity / unit).astype(np.float32) for e in eyes], axis=1
        ),
        "iris_angle": np.array(np.arcsin(IRIS_RADIUS / eyes[0].radius), dtype=np.float32),
    }
