# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials of a fitted head: the photo where it shows the head, colours of the vertices beyond."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import bridge, versions
from ..core.edit.fit_reading import FittedHead

BEYOND = "Beyond the Photo"
UV_NAME = "Photo"
LEAST_SEEN = 0.02
# Parts of the face model with their surface's roughness; skin is what is left.
SURFACES: tuple[tuple[str, tuple[str, ...], float], ...] = (
    ("Skin", (), 0.55),
    ("Eyes", ("eye_left", "eye_right"), 0.15),
    (
        "Mouth",
        ("teeth_upper", "teeth_lower", "gums_upper", "gums_lower", "tongue", "mouth_socket"),
        0.35,
    ),
)


def give(data: Any, head: FittedHead, name: str, *, lit: bool) -> None:
    """Give a mesh of the face model its texture coordinates, colours and materials.

    Parameters
    ----------
    data : bpy.types.Mesh
    head : FittedHead
    name : str
        Of the person, for image and materials.
    lit : bool
        Take the photo as it is, rather than with its light taken away.
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
    slots = face_slots(head)
    for index in range(2 * len(SURFACES)):
        label, _, roughness = SURFACES[index // 2]
        shown = index % 2 == 0
        mean = head.colour[_corners_of(slots, index)].mean(axis=0) if (slots == index).any() else 0
        title = f"{name} {label}" if shown else f"{name} {label} (unseen)"
        data.materials.append(_material(title, image if shown else None, roughness, mean))
    data.polygons.foreach_set("material_index", slots)


def face_slots(head: FittedHead) -> NDArray[np.int32]:
    """Return the material (F,) of each triangle: twice its surface, plus 1 if it is not seen."""
    model, names = bridge.face_model.load(), bridge.face_model.PART_NAMES
    slots = np.zeros(len(model.triangles), np.int32)
    for k, (_, parts, _) in enumerate(SURFACES):
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


def _material(title: str, image: Any, roughness: float, mean: Any) -> Any:
    material = versions.new_node_material(title)
    material.diffuse_color = (*(np.ones(3) * mean / 255.0) ** 2.2, 1.0)
    material.roughness = roughness
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = roughness
    beyond = nodes.new("ShaderNodeVertexColor")
    beyond.layer_name = BEYOND
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
