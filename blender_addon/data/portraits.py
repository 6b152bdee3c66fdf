# SPDX-License-Identifier: GPL-3.0-or-later
"""Portraits of a scene: how they are found, their photo, engine options and frame range."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .. import bridge

# Seconds for which the existence of a file is cached: panels draw often, network drives are slow.
_CACHED_SECONDS = 2.0
_exists: dict[str, tuple[float, bool]] = {}


def active_portrait(scene: Any) -> Any:
    """Return the portrait selected in the scene's list, or None when there is none."""
    heat = getattr(scene, "heat", None)
    if heat is None or not 0 <= heat.active_index < len(heat.portraits):
        return None
    return heat.portraits[heat.active_index]


def find_portrait(scene: Any, uid: str) -> Any:
    """Return the scene's portrait with that identifier, or None."""
    return next((p for p in scene.heat.portraits if p.uid == uid), None)


def new_uid() -> str:
    """Return an identifier for a new portrait, unique across files."""
    return uuid.uuid4().hex


def photo_path(portrait: Any) -> Path | None:
    """Return the absolute path of the photo's file, or None where the pixels are in the .blend."""
    if portrait.photo_source == "FILE":
        text = portrait.photo_path
        return Path(bpy.path.abspath(text)) if text else None
    image = portrait.photo_image
    if image is None or image.source != "FILE" or image.packed_file or image.is_dirty:
        return None
    return Path(bpy.path.abspath(image.filepath, library=image.library))


def photo_complaint(portrait: Any) -> str | None:
    """Return a line on what is wrong with the photo, or None. Cheap enough for a panel."""
    if portrait.photo_source == "IMAGE":
        return _image_complaint(portrait.photo_image)
    path = photo_path(portrait)
    if path is None:
        return "Pick a portrait photo"
    if not _is_file(path):
        return f'The photo "{path.name}" is not there any more: pick it again'
    return None


def portrait_source(portrait: Any) -> bridge.client.PortraitSource:
    """Return the photo as the backend takes it: a path, or pixels.

    Raises
    ------
    BadInput
        There is no photo, or it is missing.
    """
    from .. import bridge

    _exists.clear()
    wrong = photo_complaint(portrait)
    if wrong:
        raise bridge.errors.BadInput(wrong)
    path = photo_path(portrait)
    if path is not None:
        return bridge.client.PortraitSource(path=str(path))
    return bridge.client.PortraitSource(pixels=image_bytes(portrait.photo_image))


def image_bytes(image: Any) -> NDArray[np.uint8]:
    """Return an image's pixels as the Standard view transform shows them.

    Returns
    -------
    (H, W, 3) uint8
        sRGB, rows from the top; transparent parts over white.
    """
    import numpy as np

    width, height = image.size
    values = np.empty((height, width, image.channels), np.float32)
    image.pixels.foreach_get(values.reshape(-1))
    values = np.clip(values[::-1], 0.0, 1.0)
    colour = values[..., :3] if image.channels >= 3 else np.repeat(values[..., :1], 3, axis=2)
    if image.is_float:  # linear light, encoded here as sRGB (IEC 61966-2-1)
        low = colour <= 0.0031308
        colour = np.where(low, colour * 12.92, 1.055 * np.power(colour, 1 / 2.4) - 0.055)
    if image.channels == 4:
        alpha = values[..., 3:]
        colour = colour * alpha + (1.0 - alpha)
    return np.ascontiguousarray(np.rint(colour * 255.0).astype(np.uint8))


def _image_complaint(image: Any) -> str | None:
    if image is None:
        return "Pick an image of this .blend"
    if image.source not in {"FILE", "GENERATED"}:
        return f'"{image.name}" is a {image.source.lower()}: pick a still image'
    if image.source == "FILE" and not image.packed_file and not image.is_dirty:
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
        if not _is_file(path):
            return f'The file of "{image.name}" is not there any more: relocate it'
    return None


def _is_file(path: Path) -> bool:
    now = time.monotonic()
    key = str(path)
    when, answer = _exists.get(key, (-1e9, False))
    if now - when > _CACHED_SECONDS:
        try:
            answer = path.is_file()
        except OSError:
            answer = False
        _exists[key] = (now, answer)
    return answer


def engine_options(portrait: Any, size: int) -> Any:
    """Return the portrait's engine settings for a size in px (0: the photo's own)."""
    from .. import bridge
    from . import engine_options as own_options

    return bridge.portrait_source.EngineOptions(
        size=size or None,
        device=portrait.device,
        face=portrait.face or None,
        neutralise=portrait.neutralise,
        engine_options=own_options.values(portrait),
    )


def frame_range(scene: Any, portrait: Any) -> tuple[int, int]:
    """Return first and last frame to render, both included."""
    output = portrait.output
    if output.range_source == "OWN":
        return output.frame_start, output.frame_end
    return scene.frame_start, scene.frame_end
