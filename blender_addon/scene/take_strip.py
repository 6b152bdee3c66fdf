# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a finished take into the scene's sequencer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import versions
from ..core.takes import strip_placing
from ..core.takes.take_record import TakeRecord

UID_KEY = "heat_portrait"
# Blender copies its list of pictures at each append: this many at once stay below a few ms.
_AT_ONCE = 200
_LOOK = ("blend_type", "blend_alpha", "mute", "lock", "color_tag", "color_multiply",
         "color_saturation", "use_flip_x", "use_flip_y")  # fmt: skip


def put(scene: Any, record: TakeRecord, files: Sequence[Path], name: str) -> Iterator[Any]:
    """Place a take, step by step so that a long sequence does not hold Blender up.

    Parameters
    ----------
    scene : bpy.types.Scene
        Its sequencer gets the strip.
    record : TakeRecord
        Frames and kind of the take.
    files : sequence of Path
        The movie, or the pictures in order.
    name : str
        Name for the strip.

    Yields
    ------
    Strip or None
        None while there is more to do; the strip at the end.
    """
    strips = versions.strips_of(scene)
    spans = [_span(strip, record) for strip in strips]
    placing = strip_placing.place(spans, record.first, record.last + 1)
    everything = list(strips)
    if placing.refill is not None:
        strip = everything[placing.refill]
        _refill(strip, record, files)
    else:
        look = _look_of(everything[placing.look_of]) if placing.look_of is not None else {}
        for number in placing.remove:
            strips.remove(everything[number])
        strip = _add(strips, record, files[0], name, placing.channel)
        if not record.is_movie:
            for at in range(1, len(files), _AT_ONCE):
                for path in files[at : at + _AT_ONCE]:
                    strip.elements.append(path.name)
                yield None
        _give_look(strip, look)
    strip[UID_KEY] = record.uid
    scene.render.use_sequencer = True
    versions.show_in_sequencers(scene)
    yield strip


def _span(strip: Any, record: TakeRecord) -> strip_placing.Span:
    start, end = versions.strip_span(strip)
    return strip_placing.Span(
        channel=strip.channel,
        start=start,
        end=end,
        older=strip.get(UID_KEY, "") == record.uid,
        same_kind=strip.type == ("MOVIE" if record.is_movie else "IMAGE"),
        untrimmed=not versions.strip_is_trimmed(strip),
        in_use=_is_input(strip),
        visual=strip.type != "SOUND",
    )


def _is_input(strip: Any) -> bool:
    return any(
        strip in (getattr(other, "input_1", None), getattr(other, "input_2", None))
        for other in versions.all_strips_of(strip.id_data)
    )


def _refill(strip: Any, record: TakeRecord, files: Sequence[Path]) -> None:
    _point_at(strip, record, files[0])
    if record.is_movie:
        return
    for element, path in zip(strip.elements, files, strict=True):
        element.filename = path.name


def _add(strips: Any, record: TakeRecord, first: Path, name: str, channel: int) -> Any:
    new = versions.new_movie_strip if record.is_movie else versions.new_image_strip
    strip = new(strips, name, first, channel, record.first)
    _point_at(strip, record, first)
    return strip


def _point_at(strip: Any, record: TakeRecord, first: Path) -> None:
    # Relative to a saved .blend, so that its folder can be moved whole.
    if record.is_movie:
        strip.filepath = relative(first)
    else:
        strip.directory = relative(first.parent) + "/"


def _look_of(strip: Any) -> dict[str, Any]:
    look = {field: getattr(strip, field) for field in _LOOK if hasattr(strip, field)}
    for group in ("transform", "crop"):
        settings = getattr(strip, group, None)
        if settings is None:
            continue
        for field in settings.bl_rna.properties:
            if field.identifier != "rna_type" and not field.is_readonly:
                value = getattr(settings, field.identifier)
                look[f"{group}.{field.identifier}"] = (
                    tuple(value) if getattr(field, "array_length", 0) else value
                )
    return look


def _give_look(strip: Any, look: dict[str, Any]) -> None:
    for path, value in look.items():
        owner = strip
        *groups, field = path.split(".")
        for group in groups:
            owner = getattr(owner, group, None)
        if owner is not None and hasattr(owner, field):
            setattr(owner, field, value)


def relative(path: Path) -> str:
    """Return a path relative to the .blend where Blender prefers that and it is possible."""
    if bpy.data.is_saved and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return str(bpy.path.relpath(str(path)))
        except ValueError:  # another drive
            pass
    return str(path)
