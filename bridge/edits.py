# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, ranges and meanings of the edits of the photo itself: shape, texture and light.

An edit is a named number in ``Coefficients.edits``; 0 is the photo as it is. Engines may have
others besides: an engine's attributes, such as age, are those that its own files bring.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .errors import BadInput

SHAPE, TEXTURE, LIGHT = "shape", "texture", "light"
GROUPS: tuple[str, ...] = (SHAPE, TEXTURE, LIGHT)
IDENTITY_COUNT = 50  # components of the face model's identity basis
_SD = "standard deviations"
_STEPS = "steps"


@dataclass(frozen=True)
class Edit:
    """One slider.

    Attributes
    ----------
    name : str
    group : str
        One of ``GROUPS``.
    low, high : float
        Range; 0 is off.
    unit : str
        What 1 is.
    meaning : str
        What a higher value does, for a tooltip.
    raw : bool
        For those who want it: a component of the face model, without a plain meaning.
    """

    name: str
    group: str
    low: float
    high: float
    unit: str
    meaning: str
    raw: bool = False


def _shape(name: str, meaning: str) -> Edit:
    return Edit(name, SHAPE, -3.0, 3.0, _SD, meaning)


def _texture(name: str, meaning: str) -> Edit:
    return Edit(name, TEXTURE, -3.0, 3.0, _STEPS, meaning)


SHAPE_EDITS: tuple[Edit, ...] = (
    _shape("face_width", "a wider face at the cheekbones"),
    _shape("face_length", "a longer face, from the brows to the chin"),
    _shape("jaw_width", "a wider jaw below the ears"),
    _shape("chin_length", "a longer chin, as a share of the face"),
    _shape("chin_forward", "a chin farther forward"),
    _shape("cheek_fullness", "rounder cheeks"),
    _shape("forehead_height", "a higher forehead"),
    _shape("nose_width", "a wider nose"),
    _shape("nose_length", "a longer nose, as a share of the face"),
    _shape("nose_bridge", "a higher bridge of the nose"),
    _shape("eye_size", "larger eyes"),
    _shape("eye_distance", "eyes farther apart"),
    _shape("eye_tilt", "outer corners of the eyes higher than the inner ones"),
    _shape("brow_height", "brows higher above the eyes"),
    _shape("mouth_width", "a wider mouth"),
    _shape("lip_fullness_upper", "a fuller upper lip"),
    _shape("lip_fullness_lower", "a fuller lower lip"),
    _shape("ear_size", "larger ears"),
    _shape("neck_width", "a wider neck"),
)
IDENTITY_EDITS: tuple[Edit, ...] = tuple(
    Edit(
        f"identity_{i:02d}",
        SHAPE,
        -3.0,
        3.0,
        _SD,
        f"component {i} of the face model's shapes",
        True,
    )
    for i in range(1, IDENTITY_COUNT + 1)
)
TEXTURE_EDITS: tuple[Edit, ...] = (
    _texture("skin_tone", "lighter skin"),
    _texture("skin_warmth", "warmer, more golden skin"),
    _texture("skin_evenness", "more even skin; pores and stubble stay"),
    _texture("blush", "redder cheeks"),
    _texture("lip_colour", "lips toward orange, below 0 toward violet"),
    _texture("lip_saturation", "stronger colour of the lips"),
    _texture("eye_colour", "hue of the irises, 60 degrees a step"),
    _texture("brow_darkness", "darker brows"),
    _texture("under_eye", "darker rings under the eyes"),
    _texture("teeth_whiteness", "whiter teeth, where the photo or an open mouth shows them"),
    _texture("hair_lightness", "lighter hair"),
    _texture("hair_hue", "hue of the hair, 60 degrees a step"),
)
LIGHT_EDITS: tuple[Edit, ...] = (
    Edit(
        "light_direction_yaw",
        LIGHT,
        -90.0,
        90.0,
        "degrees",
        "turns the photo's light to image right",
    ),
    Edit("light_direction_pitch", LIGHT, -90.0, 90.0, "degrees", "turns the photo's light down"),
    Edit("light_amount", LIGHT, -1.0, 2.0, "of the photo's", "more directed light; -1 has none"),
    Edit("ambient", LIGHT, -1.0, 2.0, "of the photo's", "more light from all around; -1 has none"),
)
EDITS: tuple[Edit, ...] = SHAPE_EDITS + IDENTITY_EDITS + TEXTURE_EDITS + LIGHT_EDITS
EDIT_BY_NAME: dict[str, Edit] = {edit.name: edit for edit in EDITS}


def check_names(
    names: Iterable[str], attributes: Iterable[str] = (), owner: str = "the warp engine"
) -> None:
    """Refuse names that are no edit.

    Parameters
    ----------
    names : iterable of str
    attributes : iterable of str
        What there is besides the warp engine's own.
    owner : str
        Who has them, for the message.

    Raises
    ------
    BadInput
        When one is unknown; it names the nearest.
    """
    known = tuple(dict.fromkeys((*EDIT_BY_NAME, *attributes)))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.6)
            meant = f"did you mean {near[0]}?" if near else "`heat edit --list` names them"
            raise BadInput(f"{owner} has no edit {name[:80]!r}: {meant}")


def usable(edits: Mapping[str, float]) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return what is to be done, each value in its range, and a line about each that was not.

    Parameters
    ----------
    edits : mapping of names to values
        As in ``Coefficients``; what is 0 is left out.

    Raises
    ------
    BadInput
        When a value is not finite, or one that is not 0 has an unknown name.
    """
    found: dict[str, float] = {}
    notes: list[str] = []
    for name, value in edits.items():
        if value == 0.0:
            continue
        check_names([name])
        if not math.isfinite(value):
            raise BadInput(f"edits {name}: {value} is not a finite number")
        edit = EDIT_BY_NAME[name]
        held = min(max(float(value), edit.low), edit.high)
        if held != value:
            notes.append(f"{name} goes from {edit.low:g} to {edit.high:g}: it is held there")
        if held != 0.0:
            found[name] = held
    return found, tuple(notes)
