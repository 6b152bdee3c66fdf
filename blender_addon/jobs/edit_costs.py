# SPDX-License-Identifier: GPL-3.0-or-later
"""Cost of a shot's edits in an engine that inverts the edited photo again, estimated."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import bridge, versions
from ..core import engines
from ..data import edit_values, engine_options, property_animation
from ..data.portraits import frame_range
from ..preview import sessions

# Panels draw often: a longer shot is looked at in so many places.
_MOST_FRAMES = 600


def line(scene: Any, portrait: Any) -> str | None:
    """Return the cost of rendering a portrait's shot in a line, or None where there is none.

    Curves are read without evaluating the scene. What drivers or NLA strips will set is not known
    before the scene is evaluated: a line says that they are not counted.
    """
    if not engines.capabilities(portrait.engine).inverts_edits:
        return None
    first, last = frame_range(scene, portrait)
    count = min(max(last - first + 1, 1), _MOST_FRAMES)
    frames = np.linspace(first, max(first, last), count).round()
    curves, unknown = _curves(scene)
    columns, left_out = {}, []
    for name in edit_values.names_of(portrait):
        if not engines.has_edit(portrait.engine, name):
            continue
        owner, field = edit_values.place(portrait, name)
        path = property_animation.path_of(owner, field) if curves or unknown else ""
        if path in unknown:
            left_out.append(name)
        elif path in curves:
            columns[name] = [curves[path].evaluate(frame) for frame in frames]
        elif getattr(owner, field) != 0.0:
            columns[name] = [getattr(owner, field)] * count
    return _told(columns, left_out, portrait)


def _told(columns: dict[str, list[float]], left_out: list[str], portrait: Any) -> str | None:
    can = engines.capabilities(portrait.engine)
    kept = can.inverts_attributes(engine_options.values(portrait))
    counted = bridge.edit_cost.inverted_anew(left_out, kept)
    text = ""
    if columns:
        values = np.array(list(columns.values())).T
        keys = bridge.edit_cost.edit_keys(values, list(columns), kept)
        text = bridge.edit_cost.summary(keys, _seconds(portrait.uid))
    if not text and not counted:
        return None
    text = f"These edits take {text or 'inversions of the edited photo'}"
    if counted:
        text += f"; not counted, for drivers or NLA strips set them: {', '.join(counted[:4])}"
    return text


def _seconds(uid: str) -> float | None:
    """Return what one inversion took when the preview's portrait was inverted."""
    session = sessions.session_of(uid)
    info = None if session is None else session.live.info
    return None if info is None else info.inversion_seconds


def _curves(scene: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the scene's f-curves by path, and the paths that something else sets."""
    data = scene.animation_data
    if data is None:
        return {}, frozenset()
    curves = {c.data_path: c for c in versions.curves_of(data) if not c.mute}
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    layered = {c.data_path for strip in strips for c in versions.curves_of(strip)}
    return curves, property_animation.driven(scene) | layered
