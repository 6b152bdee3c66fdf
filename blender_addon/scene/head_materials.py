# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials of heads: flat colours for the sample rig, the photo for a fitted head.

Both have vertex colours. The sample rig's materials are chosen so that the viewport's Solid
shading shows them; a fitted head shows the photo where it was seen and vertex colours beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import bridge, versions
from ..core.preview.frame_packing import srgb_to_linear_table

COLOUR_NAME = "Albedo"
_SKIN = ("face", "head", "neck", "lid_margin_left", "lid_margin_right")
_EYES = ("eye_left", "eye_right")


@dataclass(frozen=True)
class Surface:
    """One material: those triangles of some parts of the model whose colour is nearest to its own.

    Attributes
    ----------
    parts : tuple of str
        Names as in `bridge.face_model.PART_NAMES`.
    colour : tuple of 3 ints
        sRGB, 0..255; also the colour in Solid shading.
    roughness : float
        0..1.
    """

    parts: tuple[str, ...]
    colour: tuple[int, int, int]
    roughness: float


SAMPLE_SURFACES: dict[str, Surface] = {
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


BEYOND = "Beyond the Photo"
UV_NAME = "Photo"
# A triangle with no corner that the photo shows at least this much (0..1) counts as unseen. Tuned
# by eye on the test portraits.
LEAST_SEEN = 0.02
# (label, parts of the face model, roughness 0..1); skin is every other part. Roughness by eye.
PHOTO_SURFACES: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("Skin", (), 0.55),
    ("Eyes", ("eye_left", "eye_right"), 0.15),
    (
        "Mouth",
        ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue", "mouth_socket"),
        0.35,
    ),
)


def give_sample_materials(data: Any, model: Any) -> None:
    """Give a mesh of the face model vertex colours, materials and material indices."""
    albedo = np.ones((len(model.vertices), 4), np.float32)
    albedo[:, :3] = model.vertex_albedo / 255.0
    layer = data.color_attributes.new(COLOUR_NAME, "BYTE_COLOR", "POINT")
    layer.data.foreach_set("color_srgb", albedo.ravel())
    for label, surface in SAMPLE_SURFACES.items():
        data.materials.append(_sample_material(label, surface))
    data.polygons.foreach_set("material_index", sample_slots(model))


def sample_slots(model: Any) -> NDArray[np.int32]:
    """Return the material of each triangle, as an index into `SAMPLE_SURFACES`.

    Returns
    -------
    (F,) int32
        The surface of the triangle's part whose colour is nearest.
    """
    corners = model.vertex_albedo[model.triangles].astype(np.float64)
    names = bridge.face_model.PART_NAMES
    colour = corners.mean(axis=1)
    # Eye triangles take their lightest corner: pupil and iris end along rings of vertices.
    eye = np.isin(model.triangle_part, [names.index(part) for part in _EYES])
    lightest = corners.sum(axis=2).argmax(axis=1)
    colour[eye] = corners[np.flatnonzero(eye), lightest[eye]]
    away = np.full((len(corners), len(SAMPLE_SURFACES)), np.inf)
    for slot, surface in enumerate(SAMPLE_SURFACES.values()):
        mine = np.isin(model.triangle_part, [names.index(part) for part in surface.parts])
        apart = _tones(colour[mine]) - _tones(np.array(surface.colour, np.float64))
        away[mine, slot] = np.linalg.norm(apart, axis=1)
    return away.argmin(axis=1).astype(np.int32)


def _tones(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., 3) colours as lightness and two colour differences, these with weight 2.

    The soft edge of a brow is as dark as a lip and differs from it only in hue.
    """
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    return np.stack([colour.mean(axis=-1), 2.0 * (red - green), 2.0 * (green - blue)], axis=-1)


def _sample_material(label: str, surface: Surface) -> Any:
    linear = srgb_to_linear_table()[list(surface.colour)]
    material, shader, vertex = _material(label, linear, surface.roughness, COLOUR_NAME)
    vertex.location = (-250.0, 250.0)
    material.node_tree.links.new(vertex.outputs["Color"], shader.inputs["Base Color"])
    return material


def _material(title: str, solid: Any, roughness: float, layer: str) -> tuple[Any, Any, Any]:
    """Return a new material, its Principled BSDF and a node of the vertex colours `layer`.

    `solid` is the linear RGB colour of the viewport's Solid shading.
    """
    material = versions.new_node_material(title)
    material.diffuse_color = (*solid, 1.0)
    material.roughness = roughness
    nodes = material.node_tree.nodes
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = roughness
    vertex = nodes.new("ShaderNodeVertexColor")
    vertex.layer_name = layer
    return material, shader, vertex


def give_photo_materials(
    data: Any, head: bridge.fit_file.FittedHead, name: str, *, lit: bool
) -> None:
    """Give a mesh of the face model a UV map, vertex colours and materials.

    Parameters
    ----------
    data : bpy.types.Mesh
    head : FittedHead
    name : str
        Name of the person, for image and materials.
    lit : bool
        Use the photo as it is, rather than with its light removed.
    """
    corners = np.empty(len(data.loops), np.int32)
    data.loops.foreach_get("vertex_index", corners)
    layer = data.uv_layers.new(name=UV_NAME)
    layer.data.foreach_set("uv", head.uv[corners].ravel())
    colours = np.ones((len(head.colour), 4), np.float32)
    colours[:, :3] = head.colour / 255.0
    colours[:, 3] = head.seen
    attribute = data.color_attributes.new(BEYOND, "BYTE_COLOR", "POINT")
    attribute.data.foreach_set("color_srgb", colours.ravel())
    image = _image(f"{name} photo", head.photo if lit else head.texture)
    slots = photo_slots(head)
    for index in range(2 * len(PHOTO_SURFACES)):
        label, _, roughness = PHOTO_SURFACES[index // 2]
        shown = index % 2 == 0
        mean = head.colour[_corners_of(slots, index)].mean(axis=0) if (slots == index).any() else 0
        title = f"{name} {label}" if shown else f"{name} {label} (unseen)"
        data.materials.append(_photo_material(title, image if shown else None, roughness, mean))
    data.polygons.foreach_set("material_index", slots)


def photo_slots(head: bridge.fit_file.FittedHead) -> NDArray[np.int32]:
    """Return the material index (F,) of each triangle: twice its surface, plus 1 if unseen."""
    model, names = bridge.face_model.load(), bridge.face_model.PART_NAMES
    slots = np.zeros(len(model.triangles), np.int32)
    for k, (_, parts, _) in enumerate(PHOTO_SURFACES):
        slots[np.isin(model.triangle_part, [names.index(part) for part in parts])] = 2 * k
    unseen = head.seen[model.triangles].max(axis=1) < LEAST_SEEN
    return slots + unseen.astype(np.int32)


def _corners_of(slots: NDArray[np.int32], index: int) -> NDArray[np.int32]:
    return np.asarray(bridge.face_model.load().triangles[slots == index].ravel())


def _image(name: str, pixels: NDArray[np.uint8]) -> Any:
    """Return a new image of the .blend, packed into it."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height)
    values = np.ones((height, width, 4), np.float32)
    values[..., :3] = pixels[::-1] / np.float32(255.0)
    image.pixels.foreach_set(values.ravel())
    image.update()
    image.pack()
    return image


def _photo_material(title: str, image: Any, roughness: float, mean: Any) -> Any:
    solid = (np.ones(3) * mean / 255.0) ** 2.2  # close to linear light, for the viewport alone
    material, shader, beyond = _material(title, solid, roughness, BEYOND)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    beyond.location = (-500.0, 100.0)
    source = beyond.outputs["Color"]
    if image is not None:
        photo = nodes.new("ShaderNodeTexImage")
        photo.image, photo.location = image, (-560.0, 420.0)
        photo.extension = "EXTEND"
        mix = nodes.new("ShaderNodeMix")
        mix.data_type, mix.location = "RGBA", (-220.0, 300.0)
        factor, first, second = (
            next(s for s in mix.inputs if s.identifier == f"{kind}")
            for kind in ("Factor_Float", "A_Color", "B_Color")
        )
        links.new(beyond.outputs["Alpha"], factor)
        links.new(source, first)
        links.new(photo.outputs["Color"], second)
        source = next(s for s in mix.outputs if s.identifier == "Result_Color")
        nodes.active = photo
    links.new(source, shader.inputs["Base Color"])
    return material
