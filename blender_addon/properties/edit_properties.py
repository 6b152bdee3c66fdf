# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""A portrait's edits as properties: one keyframable number each, and a list of attributes.

Of the bridge this imports `bridge.edits` alone, which loads neither numpy nor sockets.
"""

from typing import Any

import bpy
from bpy.props import CollectionProperty, FloatProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from .. import bridge
from ..core import dirty_flags
from ..core.edit import edit_groups

MOST = 3.0  # the contract's range of an attribute; the sliders reach 1


def _is_lamp(_self: Any, candidate: Any) -> bool:
    return bool(candidate.type == "LIGHT")


def _own_light_changed(self: Any, _context: Any) -> None:
    from ..scene import lamp_rig

    lamp_rig.redirect(self)


def _edit_property(edit: bridge.edits.Edit) -> Any:
    return FloatProperty(
        name=edit_groups.label(edit.name),
        description=edit_groups.tooltip(edit),
        default=0.0,
        min=edit.low,
        max=edit.high,
        precision=1 if edit.high > 10.0 else 2,
        step=100 if edit.high > 10.0 else 10,
        options={"ANIMATABLE"},
        update=dirty_flags.rig_changed,
    )


class HeatAttribute(PropertyGroup):
    """One attribute of an engine that has some, such as age; named as the engine names it."""

    value: FloatProperty(
        name="Strength",
        description="0 leaves the photo as it is, 1 is the full strength of the direction",
        default=0.0,
        min=-MOST,
        max=MOST,
        soft_min=-1.0,
        soft_max=1.0,
        precision=2,
        step=10,
        options={"ANIMATABLE"},
        update=dirty_flags.rig_changed,
    )


class HeatEditPreset(PropertyGroup):
    """A preset that is saved with the .blend, as the text of its file."""

    text: StringProperty(name="Values", options={"HIDDEN"})


_ANNOTATIONS: dict[str, Any] = {
    "attributes": CollectionProperty(type=HeatAttribute),
    "lamp": PointerProperty(
        name="Lamp",
        description="Lamp of the scene that drives the light on the face",
        type=bpy.types.Object,
        poll=_is_lamp,
    ),
    "photo_light_yaw": FloatProperty(
        name="Photo's Light Yaw",
        description="Where the photo's own light comes from, in degrees to image right of the "
        "face's front: a lamp there leaves the light as it is",
        default=0.0,
        min=-180.0,
        max=180.0,
        precision=1,
        options=set(),
        update=_own_light_changed,
    ),
    "photo_light_pitch": FloatProperty(
        name="Photo's Light Pitch",
        description="Where the photo's own light comes from, in degrees below the face's front: "
        "a lamp there leaves the light as it is",
        default=0.0,
        min=-90.0,
        max=90.0,
        precision=1,
        options=set(),
        update=_own_light_changed,
    ),
}
_ANNOTATIONS |= {edit.name: _edit_property(edit) for edit in bridge.edits.EDITS}
HeatEdits = type(
    "HeatEdits",
    (PropertyGroup,),
    {
        "__doc__": "All edits of one portrait; those that are not 0 are sent with every frame.",
        "__annotations__": _ANNOTATIONS,
        "__module__": __name__,
    },
)
