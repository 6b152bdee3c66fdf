# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample picture's expression, pose, light and skin tone, as one frame of motion."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from bridge.coefficients import EXPRESSION_NAMES
from bridge.motion_clip import MotionClip
from heat_backend.edits.light import LIGHT_CELL
from heat_backend.edits.photo_fit import PhotoFit
from heat_backend.matching.expression import match_expression, match_pose, strongest
from heat_backend.matching.light import match_light
from heat_backend.matching.skin import match_skin, skin_colour

EXPRESSION, POSE, LIGHT, SKIN_TONE = "expression", "pose", "light", "skin_tone"
TAKES = (EXPRESSION, POSE, LIGHT, SKIN_TONE)
USUAL = (EXPRESSION, LIGHT, SKIN_TONE)
FPS = 25.0  # of a clip of one frame: any would do
LIGHT_SHORT = 0.05  # of the mean light: what is left then is seen
SKIN_SHORT = 3.0  # L*a*b*


@dataclass(frozen=True)
class Matched:
    """What was matched.

    Attributes
    ----------
    clip : MotionClip
        One frame; what was not asked for is 0.
    edits : dict of str to float
    lines : tuple of str
        What came of each, and how near it is.
    notes : tuple of str
        What could not be met.
    """

    clip: MotionClip
    edits: dict[str, float]
    lines: tuple[str, ...]
    notes: tuple[str, ...]


def match(
    own: PhotoFit, sample: PhotoFit, takes: Collection[str], name: str, neutralise: bool = False
) -> Matched:
    """Match what ``takes`` names, of ``TAKES``.

    Parameters
    ----------
    own, sample : PhotoFit
        The portrait and the sample picture.
    takes : collection of str
    name : str
        Of the sample's file, noted in the clip.
    neutralise : bool
        The portrait's own expression will be relaxed.
    """
    expression, rotation = np.zeros(len(EXPRESSION_NAMES)), np.zeros(3)
    edits: dict[str, float] = {}
    lines: list[str] = []
    notes: list[str] = []
    if EXPRESSION in takes:
        expression, more_notes = match_expression(own, sample, neutralise, POSE in takes)
        notes += more_notes
        lines.append(f"expression: {strongest(expression)}")
    if POSE in takes:
        rotation = match_pose(own, sample)
        pitch, yaw, roll = np.degrees(rotation)
        lines.append(f"pose: pitch {pitch:+.1f}, yaw {yaw:+.1f}, roll {roll:+.1f} degrees")
    if LIGHT in takes:
        _take_light(own, sample, edits, lines, notes)
    if SKIN_TONE in takes:
        _take_skin(own, sample, edits, lines, notes)
    values = np.array([list(edits.values())], np.float32)
    clip = MotionClip(
        FPS,
        expression[None].astype(np.float32),
        rotation[None].astype(np.float32),
        np.zeros((1, 3), np.float32),
        edits=values if edits else None,
        edit_names=tuple(edits),
        source=name,
    )
    return Matched(clip, edits, tuple(lines), tuple(notes))


def _take_light(
    own: PhotoFit, sample: PhotoFit, edits: dict[str, float], lines: list[str], notes: list[str]
) -> None:
    skin = np.zeros(own.near_head.shape, np.float32)
    coarse = own.regions["skin"][::LIGHT_CELL, ::LIGHT_CELL]
    skin[: coarse.shape[0], : coarse.shape[1]] = coarse
    found = match_light(own.light, own.normals, skin * own.near_head, sample.light)
    edits |= found.edits
    lines.append(
        f"light: {_listed(found.edits)}; {100 * found.before:.1f} % apart, "
        f"then {100 * found.after:.1f} %"
    )
    if found.after > LIGHT_SHORT:
        notes.append(
            f"the sample's light is not met all the way: {100 * found.after:.0f} % of it differ"
        )


def _take_skin(
    own: PhotoFit, sample: PhotoFit, edits: dict[str, float], lines: list[str], notes: list[str]
) -> None:
    found = match_skin(skin_colour(own), skin_colour(sample))
    edits |= found.edits
    lines.append(
        f"skin tone: {_listed(found.edits)}; {found.before:.1f} apart in L*a*b*, "
        f"then {found.after:.1f}"
    )
    notes += found.notes
    if found.after > SKIN_SHORT:
        notes.append(
            "skin_tone and skin_warmth do not make the sample's skin all the way: "
            f"{found.after:.0f} in L*a*b* are left"
        )


def _listed(edits: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:+.3g}" for name, value in edits.items()) or "as it is"
