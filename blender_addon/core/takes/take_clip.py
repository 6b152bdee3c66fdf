# SPDX-License-Identifier: GPL-3.0-or-later
"""What was sampled of a take as its motion clip. No bpy here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np

from ... import bridge
from .. import engine_edits, engines


@dataclass(frozen=True)
class TakeClip:
    """A clip, what is not in it, in a line each, and what its edits cost before the first frame."""

    clip: bridge.motion_clip.MotionClip
    notes: tuple[str, ...] = ()
    cost: str = ""


def clip_of(
    samples: Sequence[bridge.coefficients.Coefficients],
    rate: Fraction,
    engine: str,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> TakeClip:
    """Return samples as a motion clip; edits have a column where they are ever not 0.

    Parameters
    ----------
    samples : sequence of Coefficients
        One a frame.
    rate : Fraction
        Frames a second.
    engine : str
        Which is to render it: edits that it does not have are left out.
    options : mapping
        The engine's own options, on which the cost of edits may depend.
    """
    found = tuple(dict.fromkeys(name for sample in samples for name in sample.edits))
    names = tuple(name for name in found if engine_edits.has(engine, name))
    edits = [[sample.edits.get(name, 0.0) for name in names] for sample in samples]
    left_out = engine_edits.complaint(engine, found)
    clip = bridge.motion_clip.MotionClip(
        fps=float(rate),
        expression=np.stack([sample.expression for sample in samples]),
        rotation=np.stack([sample.rotation for sample in samples]),
        translation=np.stack([sample.translation for sample in samples]),
        edits=np.array(edits, np.float32) if names else None,
        edit_names=names,
    )
    cost = ""
    can = engines.capabilities(engine)
    if clip.edits is not None and can.inverts_edits:
        attributes_too = can.inverts_attributes(options)
        cost = bridge.edit_cost.told(bridge.edit_cost.edit_keys(clip.edits, names, attributes_too))
    return TakeClip(clip, (left_out,) if left_out else (), cost)
