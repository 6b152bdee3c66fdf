# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""The rows of a rig map as properties; `portrait_properties` registers them."""

from typing import Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy.types import PropertyGroup

from ..core import dirty_flags
from ..core.rig import expression_menu

AXIS_ITEMS = (
    ("rx", "Rotation X", "The bone's rotation about the picture's horizontal axis"),
    ("ry", "Rotation Y", "The bone's rotation about the picture's vertical axis"),
    ("rz", "Rotation Z", "The bone's rotation about the viewing axis"),
    ("tx", "Location X", "The bone's shift to picture right"),
    ("ty", "Location Y", "The bone's shift up"),
    ("tz", "Location Z", "The bone's shift toward the viewer"),
)
TARGET_ITEMS = (
    ("pitch", "Pitch", "The head looks down (positive) or up"),
    ("yaw", "Yaw", "The nose turns to picture right (positive) or left"),
    ("roll", "Roll", "The crown tips to picture left (positive) or right"),
    ("x", "Move X", "The head moves to picture right"),
    ("y", "Move Y", "The head moves up"),
    ("z", "Move Z", "The head moves toward the viewer"),
)


def _factor(name: str, description: str, *, default: float, reach: float) -> Any:
    """Return a number of a row, with sliders from -reach to reach."""
    return FloatProperty(
        name=name,
        description=description,
        default=default,
        soft_min=-reach,
        soft_max=reach,
        step=5,
        update=dirty_flags.rig_changed,
    )


_MUTE = BoolProperty(
    name="Mute",
    description="Leave this row out",
    default=False,
    update=dirty_flags.rig_changed,
)


class HeatKeyRow(PropertyGroup):
    """One shape key that drives one expression value."""

    shape_key: StringProperty(
        name="Shape key",
        description="Shape key of the face mesh whose value is read",
        update=dirty_flags.rig_changed,
    )
    expression: EnumProperty(
        name="Expression",
        description="Expression of the portrait that this shape key drives",
        items=expression_menu.items,
        update=dirty_flags.rig_changed,
    )
    scale: _factor("Scale", "The shape key's value is multiplied by this", default=1.0, reach=2.0)
    offset: _factor("Offset", "This is added after scaling", default=0.0, reach=1.0)
    mute: _MUTE
    confidence: FloatProperty(
        name="Confidence",
        description="How sure the automatic map was of this row, 1 being certain",
        default=1.0,
        min=0.0,
        max=1.0,
    )


class HeatBoneRow(PropertyGroup):
    """One axis of the head bone that drives one value of the head pose."""

    axis_source: EnumProperty(
        name="Bone axis",
        description="What is read from the head bone, relative to its rest pose and in the "
        "picture's axes",
        items=AXIS_ITEMS,
        update=dirty_flags.rig_changed,
    )
    target: EnumProperty(
        name="Head pose",
        description="What it drives in the portrait",
        items=TARGET_ITEMS,
        update=dirty_flags.rig_changed,
    )
    scale: _factor("Scale", "The bone's value is multiplied by this", default=1.0, reach=2.0)
    offset: _factor(
        "Offset",
        "This is added after scaling, in radians or outer-eye-corner distances",
        default=0.0,
        reach=1.0,
    )
    mute: _MUTE
