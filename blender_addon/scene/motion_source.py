# SPDX-License-Identifier: GPL-3.0-or-later
"""The source of a portrait's motion: media file or sequencer strip, its timing, and its sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .. import bridge, versions
from ..core.takes.strip_placing import MOST_CHANNELS
from .range_sampling import scene_fps
from .take_strip import relative

FACE, VOICE, BOTH, CLIP = "face", "voice", "both", "clip"
_KINDS = {"MOVIE", "SOUND"}


@dataclass(frozen=True)
class MotionSource:
    """A source of motion. Holds no Blender objects.

    Attributes
    ----------
    path : Path
        The video, sound or motion clip.
    kind : str
        "face", "voice", "both" or "clip": what drives the rig.
    name : str
        Name for action, strip and track.
    identity : str
        Equal for bakes of the same source: a new one replaces the older.
    strip : str
        Name of the sequencer strip, "" for a file.
    first : int
        Scene frame at which it starts.
    begin : float
        Seconds of the media before that frame.
    seconds_per_frame : float
        Seconds of the media that pass in one scene frame.
    frames : int or None
        Scene frames that a strip shows; None for all of a file.
    """

    path: Path
    kind: str
    name: str
    identity: str
    strip: str
    first: int
    begin: float
    seconds_per_frame: float
    frames: int | None

    @property
    def end(self) -> float | None:
        """Seconds into the media at which a strip ends; None for all of a file."""
        if self.frames is None:
            return None
        return self.begin + self.frames * self.seconds_per_frame


def strip_names(scene: Any) -> list[str]:
    """Return the names of the movie and sound strips of a scene."""
    if scene.sequence_editor is None:
        return []
    return [strip.name for strip in versions.all_strips_of(scene) if strip.type in _KINDS]


def source_of(scene: Any, portrait: Any) -> MotionSource:
    """Return the source that a portrait's settings name.

    Raises
    ------
    BadInput
        There is none, or its file is gone; the message says what to choose.
    """
    settings = portrait.motion
    if settings.source == "STRIP":
        return _of_strip(scene, portrait, _chosen_strip(scene, settings.strip))
    if not settings.path:
        raise bridge.errors.BadInput("Choose a video, a sound or a motion clip")
    path = _existing(settings.path)
    kind = _kind(path, settings.reads, is_sound=path.suffix.lower() in bpy.path.extensions_audio)
    return MotionSource(
        path=path,
        kind=kind,
        name=_name(path.stem, kind),
        # Not the whole path: a moved project still replaces its own bakes.
        identity=f"{portrait.uid}|{kind}|file|{path.parent.name}/{path.name}",
        strip="",
        first=scene.frame_current,
        begin=0.0,
        seconds_per_frame=float(1 / scene_fps(scene)),
        frames=None,
    )


def strip_named(scene: Any, name: str) -> Any:
    """Return the scene's strip of that name, or None."""
    if scene.sequence_editor is None:
        return None
    return next((s for s in versions.all_strips_of(scene) if s.name == name), None)


def _of_strip(scene: Any, portrait: Any, strip: Any) -> MotionSource:
    is_sound = strip.type == "SOUND"
    path = _existing(media_path(strip))
    kind = _kind(path, portrait.motion.reads, is_sound=is_sound)
    rate = float(scene_fps(scene))
    start, length = versions.strip_content(strip)
    first, end = versions.strip_span(strip)
    first = max(first, round(start))  # a strip extended to the left holds its first image
    seconds = 1.0 / rate
    if not is_sound and strip.fps > 0.0 and length > 0.0:
        # As the strip plays: one frame of the video a scene frame, unless it is retimed.
        seconds = versions.strip_media_frames(strip) / length / strip.fps
    return MotionSource(
        path=path,
        kind=kind,
        name=_name(path.stem, kind),
        identity=f"{portrait.uid}|{kind}|strip|{strip.name}",
        strip=strip.name,
        first=first,
        begin=max(0.0, (first - start) * seconds),
        seconds_per_frame=seconds,
        frames=max(0, end - first),
    )


def _chosen_strip(scene: Any, name: str) -> Any:
    names = strip_names(scene)
    if not names:
        raise bridge.errors.BadInput(
            "The sequencer has no movie or sound strip: add one there, or choose a file"
        )
    if name and name not in names:
        raise bridge.errors.BadInput(f'There is no movie or sound strip "{name}": choose another')
    active = scene.sequence_editor.active_strip
    if not name and active is not None and active.type in _KINDS:
        return active
    if not name and len(names) > 1:
        raise bridge.errors.BadInput("Choose one of the sequencer's movie or sound strips")
    return strip_named(scene, name or names[0])


def media_path(strip: Any) -> str:
    """Return the path of a movie or sound strip's file, as stored in the .blend."""
    if strip.type == "SOUND":
        return str(strip.sound.filepath) if strip.sound is not None else ""
    return str(strip.filepath)


def _existing(text: str) -> Path:
    path = Path(bpy.path.abspath(text))
    if not text or not path.is_file():
        raise bridge.errors.BadInput(f'The file "{text}" is not there: choose it again')
    return path


def _kind(path: Path, reads: str, *, is_sound: bool) -> str:
    if path.suffix.lower() == ".npz":
        return CLIP
    if reads in {"FACE", "BOTH"} and is_sound:
        raise bridge.errors.BadInput(f'"{path.name}" is a sound: it has a voice, but no face')
    if reads == "AUTO":
        return VOICE if is_sound else FACE
    return {"VOICE": VOICE, "BOTH": BOTH}.get(reads, FACE)


def _name(stem: str, kind: str) -> str:
    # Blender cuts names at 63 bytes; a suffix such as .001 must still fit.
    text = f"{stem} (voice)" if kind == VOICE else stem
    return text.encode()[:56].decode(errors="ignore")


def add_sound_strip(scene: Any, source: MotionSource, first: int, frames: int) -> str | None:
    """Add the source's sound to the sequencer for the frames of a bake, unless it is there.

    Returns
    -------
    str or None
        A line on what failed. A video without sound is no failure.
    """
    if source.kind == CLIP or _has_sound_strip(scene, source.path, first, first + frames):
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


def _has_sound_strip(scene: Any, path: Path, first: int, end: int) -> bool:
    """Return whether a sound strip of the file overlaps some frames."""
    if scene.sequence_editor is None:
        return False
    for strip in versions.all_strips_of(scene):
        if strip.type != "SOUND":
            continue
        start, stop = versions.strip_span(strip)
        same = Path(bpy.path.abspath(media_path(strip))) == path
        if same and start < end and first < stop:
            return True
    return False


def _free_channel(strips: Any, first: int, end: int) -> int:
    """Return the lowest channel that is free in some frames."""
    taken = set()
    for strip in strips:
        start, stop = versions.strip_span(strip)
        if start < end and first < stop:
            taken.add(strip.channel)
    return next((c for c in range(1, MOST_CHANNELS + 1) if c not in taken), MOST_CHANNELS)
