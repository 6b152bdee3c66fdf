# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes in the scene's sequencer: places finished takes, finds them, checks the scene's settings.

The scene's resolution and colour management decide whether rendered takes look as the frames do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge, versions
from ..core.takes import strip_placing

if TYPE_CHECKING:
    # Not at run time: it imports numpy, which a start of Blender does not wait for.
    from ..core.takes.take import TakeRecord

UID_KEY = "heat_portrait"
# Images appended in one step. Blender copies the list at each append; so many take a few ms.
_AT_ONCE = 200
_LOOK = ("blend_type", "blend_alpha", "mute", "lock", "color_tag", "color_multiply",
         "color_saturation", "use_flip_x", "use_flip_y")  # fmt: skip

# Aspect ratios that differ by a smaller share are equal: it allows for rounding to whole pixels.
_SAME_SHAPE = 2e-3


def put(scene: Any, record: TakeRecord, files: Sequence[Path], name: str) -> Iterator[Any]:
    """Place a take, in steps so that a long sequence does not block Blender.

    Parameters
    ----------
    scene : bpy.types.Scene
        Its sequencer gets the strip.
    record : TakeRecord
        Frames and kind of the take.
    files : sequence of Path
        The movie, or the images in order.
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
    # Relative to a saved .blend, so that its folder can be moved.
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
    """Return a path relative to the .blend where the preferences say so and it is possible."""
    if bpy.data.is_saved and bpy.context.preferences.filepaths.use_relative_paths:
        try:
            return str(bpy.path.relpath(str(path)))
        except ValueError:  # another drive
            pass
    return str(path)


def strips_of(scene: Any, uid: str) -> list[Any]:
    """Return the portrait's strips in a scene's sequencer, the topmost first."""
    if scene.sequence_editor is None:
        return []
    mine = [strip for strip in versions.all_strips_of(scene) if strip.get(UID_KEY, "") == uid]
    return sorted(mine, key=lambda strip: -strip.channel)


def place_line(scene: Any, uid: str) -> str | None:
    """Return a line on the position of the portrait's topmost strip, or None without one."""
    mine = strips_of(scene, uid)
    if not mine:
        return None
    first, end = versions.strip_span(mine[0])
    return f"In the Video Sequencer: channel {mine[0].channel}, frames {first}-{end - 1}"


def picture_size(scene: Any, uid: str) -> tuple[int, int] | None:
    """Return width and height in px of the portrait's rendered frames, or None before a take."""
    for strip in strips_of(scene, uid):
        elements = getattr(strip, "elements", None)
        if elements and elements[0].orig_width > 0 and elements[0].orig_height > 0:
            return int(elements[0].orig_width), int(elements[0].orig_height)
    return None


def resolution_complaint(scene: Any, uid: str) -> str | None:
    """Return a line if the scene's aspect ratio differs from the frames', or None."""
    size = picture_size(scene, uid)
    if size is None:
        return None
    render = scene.render
    wide = render.resolution_x * render.pixel_aspect_x
    tall = render.resolution_y * render.pixel_aspect_y
    if abs(wide * size[1] / (tall * size[0]) - 1.0) < _SAME_SHAPE:
        return None
    return (
        f"The scene renders {render.resolution_x} x {render.resolution_y}, the photo's frames "
        f"are {size[0]} x {size[1]}: renders get bars beside them"
    )


def match_resolution(scene: Any, uid: str) -> tuple[int, int]:
    """Set the scene's resolution to the frames' size; the portrait's strips keep filling it.

    Returns
    -------
    width, height : int
        The new resolution, px.

    Raises
    ------
    BadInput
        Nothing has been rendered yet.
    """
    size = picture_size(scene, uid)
    if size is None:
        raise bridge.errors.BadInput(
            "Render to the sequencer first: then the frames' size is known"
        )
    render = scene.render
    before = (render.resolution_x, render.resolution_y)
    render.resolution_x, render.resolution_y = size
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    for strip in strips_of(scene, uid):
        # A strip was scaled to fit the old resolution when it was added.
        change = _fit(size, size) / _fit(before, size)
        strip.transform.scale_x *= change
        strip.transform.scale_y *= change
    return size


def open_sequencer(context: Any) -> None:
    """Show a workspace with a Video Sequencer, or open one in a new window. Needs a window."""
    window = context.window
    if not _has_sequencer(window.screen):
        for workspace in bpy.data.workspaces:
            if any(_has_sequencer(screen) for screen in workspace.screens):
                window.workspace = workspace
                break
        else:
            bpy.ops.wm.window_new()
            window = context.window_manager.windows[-1]
            area = max(window.screen.areas, key=lambda one: one.width * one.height)
            area.type = "SEQUENCE_EDITOR"
            area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    versions.show_in_sequencers(context.scene)
    bpy.app.timers.register(_show_all_strips, first_interval=0.2)


def _show_all_strips() -> None:
    """Frame all strips, once Blender has laid out the editor (a timer calls this)."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            region = next((r for r in area.regions if r.type == "WINDOW"), None)
            if area.type != "SEQUENCE_EDITOR" or region is None:
                continue
            with bpy.context.temp_override(window=window, area=area, region=region):
                if bpy.ops.sequencer.view_all.poll():
                    bpy.ops.sequencer.view_all()


def _has_sequencer(screen: Any) -> bool:
    return any(area.type == "SEQUENCE_EDITOR" for area in screen.areas)


def _fit(canvas: tuple[int, int], picture: tuple[int, int]) -> float:
    return min(canvas[0] / picture[0], canvas[1] / picture[1])


def colour_complaint(scene: Any) -> str | None:
    """Return a line on the colour management setting that would change the photo, or None."""
    settings = scene.view_settings
    if settings.view_transform != "Standard":
        return (
            f"The scene's view transform is {settings.view_transform}: it would change the "
            "photo's colours"
        )
    if settings.look not in {"", "None"}:
        return f"The scene's look \"{settings.look}\" would change the photo's colours"
    if abs(settings.exposure) > 1e-6 or abs(settings.gamma - 1.0) > 1e-6:
        return "The scene's exposure or gamma would change the photo's colours"
    if settings.use_curve_mapping:
        return "The scene's colour curves would change the photo's colours"
    return None


def show_srgb(scene: Any) -> None:
    """Set colour management so that sRGB images are shown unchanged."""
    settings = scene.view_settings
    settings.view_transform = "Standard"
    settings.look = "None"
    settings.exposure = 0.0
    settings.gamma = 1.0
    settings.use_curve_mapping = False
