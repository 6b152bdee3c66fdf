# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of the sample rig: vertex colours for renders, and materials that Solid view shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import bridge, versions

COLOUR_NAME = "Albedo"
_SKIN = ("face", "head", "neck", "lid_margin_left", "lid_margin_right")
_EYES = ("eye_left", "eye_right")


@dataclass(frozen=True)
class Surface:
    """One material: faces of these parts of the model that come nearest to its colour.

    Attributes
    ----------
    parts : tuple of str
        Names as in `bridge.face_model.PART_NAMES`.
    colour : tuple of 3 ints
        sRGB, 0..255; also what the viewport's Solid shading shows.
    roughness : float
        0..1.
    """

    parts: tuple[str, ...]
    colour: tuple[int, int, int]
    roughness: float


SURFACES: dict[str, Surface] = {
    "Heat Skin": Surface(_SKIN, (214, 165, 140), 0.55),
    "Heat Lips": Surface(_SKIN, (176, 92, 88), 0.4),
    "Heat Lashes": Surface(_SKIN, (84, 58, 50), 0.6),
    "Heat Eye White": Surface(_EYES, (232, 228, 224), 0.12),
    "Heat Iris": Surface(_EYES, (104, 76, 54), 0.12),
    "Heat Pupil": Surface(_EYES, (14, 12, 12), 0.12),
    "Heat Teeth": Surface(("teeth_upper", "teeth_lower"), (236, 228, 210), 0.25),
    "Heat Tongue": Surface(("tongue",), (160, 70, 76), 0.4),
    "Heat Gums": Surface(("gums_upper", "gums_lower", "mouth_socket"), (150, 74, 72), 0.4),
}


def give(data: Any, model: Any) -> None:
    """Give a mesh of the model its vertex colours, materials, and each face its slot."""
    albedo = np.ones((len(model.vertices), 4), np.float32)
    albedo[:, :3] = model.vertex_albedo / 255.0
    layer = data.color_attributes.new(COLOUR_NAME, "BYTE_COLOR", "POINT")
    layer.data.foreach_set("color_srgb", albedo.ravel())
    for label, surface in SURFACES.items():
        data.materials.append(_material(label, surface))
    data.polygons.foreach_set("material_index", face_slots(model))


def face_slots(model: Any) -> NDArray[np.int32]:
    """Return the material of each triangle, as an index into `SURFACES`.

    Returns
    -------
    (F,) int32
        The nearest in colour among the surfaces of the triangle's part.
    """
    corners = model.vertex_albedo[model.triangles].astype(np.float64)
    names = bridge.face_model.PART_NAMES
    colour = corners.mean(axis=1)
    # Of an eye's triangle the lightest corner counts: pupil and iris end along rings of vertices.
    eye = np.isin(model.triangle_part, [names.index(part) for part in _EYES])
    lightest = corners.sum(axis=2).argmax(axis=1)
    colour[eye] = corners[np.flatnonzero(eye), lightest[eye]]
    away = np.full((len(corners), len(SURFACES)), np.inf)
    for slot, surface in enumerate(SURFACES.values()):
        mine = np.isin(model.triangle_part, [names.index(part) for part in surface.parts])
        apart = _tones(colour[mine]) - _tones(np.array(surface.colour, np.float64))
        away[mine, slot] = np.linalg.norm(apart, axis=1)
    return away.argmin(axis=1).astype(np.int32)


def _tones(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 3) colours as lightness and hue, the latter weighing more.

    The soft edge of a brow is as dark as a lip, and only its hue tells it from one.
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    return np.stack([colour.mean(axis=-1), 2.0 * (red - green), 2.0 * (green - blue)], axis=-1)


def _material(label: str, surface: Surface) -> Any:
    material = versions.new_node_material(label)
    material.diffuse_color = (*_linear(surface.colour), 1.0)
    material.roughness = surface.roughness
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = surface.roughness
    source = nodes.new("ShaderNodeVertexColor")
    source.layer_name = COLOUR_NAME
    source.location = (-250.0, 250.0)
    links.new(source.outputs["Color"], shader.inputs["Base Color"])
    return material


def _linear(colour: tuple[int, int, int]) -> tuple[float, ...]:
    """Return an sRGB colour, 0..255, as linear light, 0..1 (IEC 61966-2-1)."""
    shares = [value / 255.0 for value in colour]
    return tuple(s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
