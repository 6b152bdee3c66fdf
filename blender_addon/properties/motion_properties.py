# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""A portrait's motion settings as properties: source, gain by region, options of the bake."""

from typing import Any

from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy.types import PropertyGroup

from .. import versions


def _search_strip(_self: Any, context: Any, _text: str) -> list[str]:
    from ..scene import motion_source

    return motion_source.strip_names(context.scene)


def _gain(name: str, parts: str) -> Any:
    return FloatProperty(
        name=name, description=f"Strength of {parts}", default=1.0, min=0.0, max=5.0, soft_max=2.0
    )


def _taken(name: str, parts: str) -> Any:
    return BoolProperty(
        name=name,
        description=f"Bake {parts}; off, they are left to other layers",
        default=True,
    )


class HeatMotionSettings(PropertyGroup):
    """Where the motion comes from, and how it lands on the rig."""

    source: EnumProperty(
        name="Source",
        description="Where the motion comes from",
        items=(
            ("FILE", "File", "A video, a sound, or a motion clip (.npz), at the playhead"),
            ("STRIP", "Strip", "A movie or sound strip of the sequencer, where it stands"),
        ),
        default="FILE",
    )
    path: StringProperty(
        name="File",
        description="Video, sound, or motion clip (.npz)",
        subtype="FILE_PATH",
        options=versions.path_options(),
    )
    strip: StringProperty(
        name="Strip",
        description="Movie or sound strip of the sequencer; empty for the active one",
        search=_search_strip,
        search_options={"SORT"},
    )
    reads: EnumProperty(
        name="Read",
        description="What drives the rig",
        items=(
            ("AUTO", "Automatic", "The face in a video, the voice in a sound"),
            ("FACE", "Face", "The face in the video"),
            ("VOICE", "Voice", "The voice in the video or sound: it moves the mouth"),
            ("BOTH", "Face & Voice", "The face in the video, its mouth by the video's voice"),
        ),
        default="AUTO",
    )
    face: IntProperty(
        name="Face",
        description="Which face, where the video shows several: 1 is the largest; 0 takes it too",
        default=0,
        min=0,
        max=64,
    )
    style: FloatProperty(
        name="Articulation",
        description="How strongly a voice moves the mouth",
        default=1.0,
        min=0.0,
        max=3.0,
    )
    voice_share: FloatProperty(
        name="Voice in Mouth",
        description="How much of the mouth is the voice's, and how much the filmed face's",
        subtype="FACTOR",
        default=1.0,
        min=0.0,
        max=1.0,
    )
    life: BoolProperty(
        name="Blinks & Sway",
        description="Add blinks, brows on stressed words and a little sway of the head to a voice",
        default=False,
    )
    take_brows: _taken("Brows", "the brows")
    take_eyes: _taken("Eyes", "lids and gaze")
    take_cheeks: _taken("Cheeks", "the cheeks")
    take_nose: _taken("Nose", "the nose")
    take_mouth: _taken("Mouth", "lips, jaw and tongue")
    take_head: _taken("Head", "the head bone's rotation")
    take_edits: _taken("Edits", "edits that a clip has keyed, such as jaw width or light")
    gain_brows: _gain("Brows", "the brows")
    gain_eyes: _gain("Eyes", "lids and gaze")
    gain_cheeks: _gain("Cheeks", "the cheeks")
    gain_nose: _gain("Nose", "the nose")
    gain_mouth: _gain("Mouth", "lips, jaw and tongue")
    gain_head: _gain("Head", "the head's motion")
    only: StringProperty(
        name="Only",
        description="Only these expressions, such as jaw*, mouthClose; empty for all of the "
        "parts above",
    )
    use_shift: BoolProperty(
        name="Shift Head",
        description="Bake the head bone's location too",
        default=False,
    )
    mirror: BoolProperty(name="Mirror", description="Swap left and right", default=False)
    smooth: FloatProperty(
        name="Smooth",
        description="Smooth over about so many frames to each side, without lag; 0 leaves the "
        "motion as it is",
        default=0.0,
        min=0.0,
        max=50.0,
        soft_max=5.0,
    )
    tolerance: FloatProperty(
        name="Tolerance",
        description="How far the curves may be from the motion on any frame: larger makes fewer "
        "keys. In shape key values, radians and eye distances; 0 sets a key on each frame",
        default=0.01,
        min=0.0,
        max=0.5,
        soft_max=0.1,
        step=0.1,
        precision=3,
    )
    add_sound: BoolProperty(
        name="Add Sound",
        description="Put the voice, or the video's sound, into the sequencer if it is not there",
        default=True,
    )
