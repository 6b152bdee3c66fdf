# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets a portrait's rig or edits to what the backend read from a sample picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import bridge
from ..core.edit import edit_groups
from ..core.rig import map_inverse
from ..data import edit_values, property_animation, rig_maps
from ..scene import baking, sampling
from .face_job import FaceOrder

EXPRESSION, LIGHT, SKIN_TONE = "expression", "light", "skin_tone"
EDITS_OF = {
    LIGHT: ("light_direction_yaw", "light_direction_pitch", "light_amount", "ambient"),
    SKIN_TONE: ("skin_tone", "skin_warmth", "blush"),
}
LABELS = {EXPRESSION: "Expression", LIGHT: "Light", SKIN_TONE: "Skin Tone"}
_NAMED = 4
_HELD = "Keyframes will set again: turn auto-keying on, or remove them"


def order_for(portrait: Any, take: str, sample: Path, sample_face: int) -> FaceOrder:
    """Return the order.

    Parameters
    ----------
    portrait : HeatPortrait
    take : str
        One of `LABELS`.
    sample : Path
    sample_face : int
        Which face of the sample; 0 is the largest.

    Raises
    ------
    BadInput
        There is no such picture, or no rig that could take its expression.
    """
    if not sample.is_file():
        raise bridge.errors.BadInput(f'The picture "{sample.name}" is not there: choose it again')
    if take == EXPRESSION:
        wrong = baking.complaint(portrait)
        if wrong is None and sampling.shape_keys(portrait.mesh) is None:
            wrong = "The face mesh has no shape keys to set"
        if wrong:
            raise bridge.errors.BadInput(wrong)
    arguments = ["match", "--sample", str(sample), "--take", take]
    if sample_face:
        arguments += ["--sample-face", str(sample_face)]
    if portrait.neutralise:
        arguments.append("--neutralise")

    def land(_context: Any, owner: Any, out: Path) -> tuple[str, ...]:
        found = bridge.motion_clip.load(out).frame(0)
        if take == EXPRESSION:
            return set_expression(owner, found.expression)
        return set_edits(owner, take, dict(found.edits))

    label = LABELS[take]
    return FaceOrder(tuple(arguments), f"{label} is read", f"Match {label}", land)


def set_expression(portrait: Any, expression: NDArray[np.floating]) -> tuple[str, ...]:
    """Set the rig's shape keys to an expression (52,), and key them where Blender keys by itself.

    Returns
    -------
    tuple of str
        What to tell, the outcome first.
    """
    keys = sampling.shape_keys(portrait.mesh)
    facts, rig_map = baking.face_facts(keys), rig_maps.to_rig_map(portrait)
    wanted = np.ones(len(expression), bool)
    table = np.asarray(expression, np.float64)[None]
    found = map_inverse.inverse_keys(rig_map, table, wanted, facts.limits, frozenset(facts.paths))
    mapped = {r.shape_key for r in rig_map.keys if r.expression and not r.mute}
    values = {name: 0.0 for name in mapped if name in facts.limits}
    values |= {name: float(column[0]) for name, column in found.values.items()}
    keyed = portrait.id_data.tool_settings.use_keyframe_insert_auto
    for name, value in values.items():
        block = keys.key_blocks[name]
        low, high = facts.limits[name]
        block.value = min(max(value, low), high)
        if keyed:
            block.keyframe_insert("value")
    moved = sum(abs(value) > map_inverse.STILL for value in values.values())
    notes = []
    if found.left_out:
        notes.append(f"No shape key serves {_named(found.left_out)}")
    if found.short:
        notes.append(f"The limits of the shape keys hold back {_named(found.short)}")
    if not keyed and property_animation.keyed(keys) & {facts.paths[name] for name in values}:
        notes.append(_HELD)
    return (f"Expression matched: {moved} shape keys", *notes)


def set_edits(portrait: Any, take: str, edits: dict[str, float]) -> tuple[str, ...]:
    """Set the edits of light or skin tone; those that the match leaves alone go to 0."""
    values = dict.fromkeys(EDITS_OF[take], 0.0) | edits
    edit_values.set_values(portrait, values)
    told = ", ".join(f"{edit_groups.label(name)} {value:+.2g}" for name, value in edits.items())
    held = edit_values.set_again(portrait, values)
    return (f"{LABELS[take]} matched: {told or 'as it is'}", *([held] if held else []))


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
