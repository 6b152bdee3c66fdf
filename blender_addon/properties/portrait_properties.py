# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""`scene.heat` as properties: a list of portraits with rig, map, engine, preview and output.

Everything here is saved with the .blend. Previews, jobs and the backend, which exist only while
Blender runs, are kept in `preview.sessions`, `jobs` and `backend.owner`, found by `portrait.uid`.
"""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)
from bpy.types import PropertyGroup

from .. import bridge, versions
from ..core import dirty_flags, engines
from .edit_properties import HeatAttribute, HeatEditPreset, HeatEdits
from .map_row_properties import HeatBoneRow, HeatKeyRow
from .motion_properties import HeatMotionSettings

FACING_ITEMS = (
    ("AUTO", "Automatic", "Told by the names and places of paired bones"),
    ("NEG_Y", "-Y (Blender)", "Blender's habit: faces -Y, Z is up"),
    ("POS_Y", "+Y", "Faces +Y, Z is up"),
    ("NEG_X", "-X", "Faces -X, Z is up"),
    ("POS_X", "+X", "Faces +X, Z is up"),
    ("POS_Z_Y_UP", "+Z, Y is up", "As many rigs imported from FBX or glTF"),
    ("NEG_Z_Y_UP", "-Z, Y is up", "Faces -Z, Y is up"),
)
_FIRST_SIZE = 1024
CORNER_ITEMS = (
    ("TOP_LEFT", "Top Left", ""),
    ("TOP_RIGHT", "Top Right", ""),
    ("BOTTOM_LEFT", "Bottom Left", ""),
    ("BOTTOM_RIGHT", "Bottom Right", ""),
)


def _search_engine(_self: Any, _context: Any, _text: str) -> list[str]:
    return list(engines.names())


def _search_choice(self: Any, _context: Any, _text: str) -> list[str]:
    from ..data import engine_options

    return engine_options.choices(self.name)


def _engine_changed(self: Any, context: Any) -> None:
    from ..data import engine_options

    engine_options.make(self)
    dirty_flags.source_changed(self, context)


def _is_mesh(_self: Any, candidate: Any) -> bool:
    return candidate.type == "MESH"


def _is_armature(_self: Any, candidate: Any) -> bool:
    return candidate.type == "ARMATURE"


def _is_photo_size(portrait: Any) -> bool:
    return bool(portrait.size == 0)


def _set_photo_size(portrait: Any, wanted: bool) -> None:
    if wanted != (portrait.size == 0):
        portrait.size = 0 if wanted else _FIRST_SIZE


class HeatPreviewSettings(PropertyGroup):
    """Where and how large the live preview of one portrait is shown."""

    mode: EnumProperty(
        name="Show as",
        description="Where the live frames go",
        items=(
            ("OVERLAY", "Overlay", "On top of the 3D viewport, in the photo's own colours"),
            (
                "IMAGE",
                "Image",
                "Into an image of the .blend: for an Image Editor, a material or a camera "
                "background",
            ),
        ),
        default="OVERLAY",
        update=dirty_flags.preview_mode_changed,
    )
    corner: EnumProperty(
        name="Corner",
        description="Corner of the viewport that the overlay stays in",
        items=CORNER_ITEMS,
        default="BOTTOM_LEFT",
        update=dirty_flags.overlay_changed,
    )
    size: IntProperty(
        name="Size",
        description="Long side of the overlay on screen",
        subtype="PIXEL",
        default=320,
        min=64,
        max=4096,
        update=dirty_flags.overlay_changed,
    )
    opacity: FloatProperty(
        name="Opacity",
        description="How solid the overlay is",
        subtype="FACTOR",
        default=1.0,
        min=0.0,
        max=1.0,
        update=dirty_flags.overlay_changed,
    )
    offset: IntVectorProperty(
        name="Offset",
        description="Distance of the overlay from its corner, across and up or down, in pixels",
        size=2,
        default=(16, 16),
        min=-4096,
        max=16384,
        update=dirty_flags.overlay_changed,
    )
    render_size: IntProperty(
        name="Resolution",
        description="Long side of the frames rendered for the preview; smaller is faster, 0 is "
        "the photo's own size",
        subtype="PIXEL",
        default=512,
        min=0,
        max=4096,
        update=dirty_flags.source_changed,
    )
    image: PointerProperty(
        name="Image",
        description="Image that receives the live frames; made when the preview starts",
        type=bpy.types.Image,
    )


class HeatOutputSettings(PropertyGroup):
    """Where the finished frames of one portrait go."""

    file_format: EnumProperty(
        name="Format",
        description="What is written",
        items=(
            ("PNG", "PNG sequence", "One lossless picture a frame"),
            ("MP4", "H.264 movie", "One .mp4 file"),
        ),
        default="PNG",
    )
    folder: StringProperty(
        name="Folder",
        description="Every take gets a folder or file of its own in here; // is the folder of "
        "the .blend",
        subtype="DIR_PATH",
        options=versions.path_options(),
        default="//heat/",
    )
    range_source: EnumProperty(
        name="Frames",
        description="Which frames are rendered",
        items=(
            ("SCENE", "Scene's range", "From the scene's start frame to its end frame"),
            ("OWN", "Own range", "From and to the frames given here"),
        ),
        default="SCENE",
    )
    frame_start: IntProperty(name="First", description="First frame", default=1)
    frame_end: IntProperty(name="Last", description="Last frame, included", default=250)
    state_path: StringProperty(
        name="Unfinished take",
        description="Record on disk of the last take, from which Resume goes on",
        options={"HIDDEN"} | versions.path_options(),
        subtype="FILE_PATH",
    )


class HeatEngineValue(PropertyGroup):
    """The value of one option of an engine; see `data.engine_options`. Named ENGINE/OPTION."""

    flag: BoolProperty(name="Value", update=dirty_flags.source_changed)
    integer: IntProperty(name="Value", update=dirty_flags.source_changed)
    number: FloatProperty(name="Value", update=dirty_flags.source_changed)
    text: StringProperty(
        name="Value",
        search=_search_choice,
        search_options={"SUGGESTION"},
        update=dirty_flags.source_changed,
    )


class HeatPortrait(PropertyGroup):
    """One photo, the rig that drives it, and where its frames go."""

    uid: StringProperty(name="Identifier", options={"HIDDEN"})
    photo_source: EnumProperty(
        name="Photo from",
        description="Where the photo comes from",
        items=(
            ("FILE", "File", "A picture file"),
            ("IMAGE", "Image", "An image that is already in this .blend"),
        ),
        default="FILE",
        update=dirty_flags.source_changed,
    )
    photo_path: StringProperty(
        name="Photo",
        description="The portrait photo",
        subtype="FILE_PATH",
        options=versions.path_options(),
        update=dirty_flags.source_changed,
    )
    photo_image: PointerProperty(
        name="Photo",
        description="The portrait photo, an image of this .blend",
        type=bpy.types.Image,
        update=dirty_flags.source_changed,
    )
    mesh: PointerProperty(
        name="Face mesh",
        description="Mesh whose shape keys perform",
        type=bpy.types.Object,
        poll=_is_mesh,
        update=dirty_flags.rig_changed,
    )
    armature: PointerProperty(
        name="Armature",
        description="Armature with the head bone; may stay empty",
        type=bpy.types.Object,
        poll=_is_armature,
        update=dirty_flags.rig_changed,
    )
    head_bone: StringProperty(
        name="Head bone",
        description="Bone that turns the head",
        update=dirty_flags.rig_changed,
    )
    facing: EnumProperty(
        name="Faces",
        description="Which way the character looks in the armature's own space",
        items=FACING_ITEMS,
        default="AUTO",
        update=dirty_flags.rig_changed,
    )
    eye_distance: FloatProperty(
        name="Eye distance",
        description="Distance of the outer eye corners in the mesh's own units, by which the "
        "head's shifts are measured; 0 takes the usual adult's",
        default=0.0,
        min=0.0,
        precision=4,
        update=dirty_flags.rig_changed,
    )
    key_rows: CollectionProperty(type=HeatKeyRow)
    key_index: IntProperty(name="Active row", options={"HIDDEN"})
    bone_rows: CollectionProperty(type=HeatBoneRow)
    bone_index: IntProperty(name="Active row", options={"HIDDEN"})
    engine: StringProperty(
        name="Engine",
        description="What turns photo and performance into frames",
        default=engines.DEFAULT,
        search=_search_engine,
        search_options={"SORT", "SUGGESTION"},
        update=_engine_changed,
    )
    size: IntProperty(
        name="Size",
        description="Long side of the rendered frames; 0 is the photo's own size",
        subtype="PIXEL",
        default=0,
        min=0,
        max=bridge.frame_size.LARGEST_FRAME,
    )
    photo_size: BoolProperty(
        name="Photo's size",
        description="Render the frames as large as the photo is; off, their long side is chosen",
        get=_is_photo_size,
        set=_set_photo_size,
    )
    device: EnumProperty(
        name="Device",
        description="What the engine computes on",
        items=(
            ("auto", "Automatic", "The graphics card where it serves, else the processor"),
            ("cpu", "Processor", "The processor only"),
            ("cuda", "NVIDIA card", "An NVIDIA graphics card"),
        ),
        default="auto",
        update=dirty_flags.source_changed,
    )
    face: IntProperty(
        name="Face",
        description="Which face, where the photo shows several: 1 is the largest, 2 the next; 0 "
        "takes the largest",
        default=0,
        min=0,
        max=64,
        update=dirty_flags.source_changed,
    )
    inversion: EnumProperty(
        name="Inversion",
        description="How the engine finds the portrait among those that it can paint",
        items=(
            ("encode", "Encoder", "At once, with the photo's details put back"),
            (
                "optimize",
                "Optimised",
                "More alike; takes minutes on an NVIDIA card, and hours else",
            ),
            ("coarse", "Coarse", "A fast look: smooth, less alike"),
        ),
        default="encode",
        update=dirty_flags.source_changed,
    )
    keep_identity: BoolProperty(
        name="Keep Identity",
        description="After an edit of an attribute such as age, bring all that it is not about "
        "back to the photo; each value takes as long as an inversion",
        default=False,
        update=dirty_flags.source_changed,
    )
    engine_values: CollectionProperty(type=HeatEngineValue)
    neutralise: BoolProperty(
        name="Neutralise",
        description="Take the photographed expression away first, so that the rig's rest "
        "expression shows a relaxed face",
        default=False,
        update=dirty_flags.source_changed,
    )
    strip_name: StringProperty(
        name="Strip",
        description="Name of this portrait's strip in the sequencer",
    )
    preview: PointerProperty(type=HeatPreviewSettings)
    edits: PointerProperty(type=HeatEdits)
    motion: PointerProperty(type=HeatMotionSettings)
    output: PointerProperty(type=HeatOutputSettings)


class HeatScene(PropertyGroup):
    """The portraits of one scene."""

    portraits: CollectionProperty(type=HeatPortrait)
    active_index: IntProperty(name="Active portrait", options={"HIDDEN"})
    edit_presets: CollectionProperty(type=HeatEditPreset)


CLASSES = (
    HeatKeyRow,
    HeatBoneRow,
    HeatPreviewSettings,
    HeatOutputSettings,
    HeatMotionSettings,
    HeatAttribute,
    HeatEditPreset,
    HeatEdits,
    HeatEngineValue,
    HeatPortrait,
    HeatScene,
)


def register() -> None:
    """Hang the properties on the scene."""
    bpy.types.Scene.heat = PointerProperty(type=HeatScene)


def unregister() -> None:
    """Take the properties off the scene."""
    del bpy.types.Scene.heat
