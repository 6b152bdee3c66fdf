# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the sound of a source into the sequencer, where it is not there yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from .. import versions
from ..core.takes.strip_placing import MOST_CHANNELS
from . import motion_source
from .motion_source import CLIP, MotionSource
from .take_strip import relative


def add(scene: Any, source: MotionSource, first: int, frames: int) -> str | None:
    """Add a sound strip for a bake that covers some frames.

    Returns
    -------
    str or None
        What could not be done, in a line. A film without sound is no trouble.
    """
    if source.kind == CLIP or _is_there(scene, source.path, first, first + frames):
        return None
    if not bpy.app.build_options.audaspace:
        return "This Blender was built without sound: no sound strip was added"
    try:
        sound = bpy.data.sounds.load(str(source.path))
    except RuntimeError:
        return None
    has_sound = sound.channels != "INVALID"
    if sound.users == 0:
        bpy.data.sounds.remove(sound)
    if not has_sound:
        return None
    strips = versions.strips_of(scene)
    beginning = round(first - source.begin / source.seconds_per_frame)
    channel = _free_channel(strips, first, first + frames)
    strip = versions.new_sound_strip(strips, source.path.stem, source.path, channel, beginning)
    strip.sound.filepath = relative(source.path)
    if source.strip:
        start, end = versions.strip_span(strip)
        versions.set_strip_span(strip, max(start, first), min(end, first + frames))
    versions.show_in_sequencers(scene)
    return None


def _is_there(scene: Any, path: Path, first: int, end: int) -> bool:
    """Whether a sound strip of the file lies in some frames already."""
    if scene.sequence_editor is None:
        return False
    for strip in versions.all_strips_of(scene):
        if strip.type != "SOUND":
            continue
        start, stop = versions.strip_span(strip)
        same = Path(bpy.path.abspath(motion_source.media_path(strip))) == path
        if same and start < end and first < stop:
            return True
    return False


def _free_channel(strips: Any, first: int, end: int) -> int:
    """Return the lowest channel with nothing in some frames."""
    taken = set()
    for strip in strips:
        start, stop = versions.strip_span(strip)
        if start < end and first < stop:
            taken.add(strip.channel)
    return next((c for c in range(1, MOST_CHANNELS + 1) if c not in taken), MOST_CHANNELS)
