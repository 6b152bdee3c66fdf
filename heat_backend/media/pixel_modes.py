# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts any picture mode to 8-bit RGB in strips, so that a huge photo is never copied whole."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageCms

from heat_backend.media.colour_profiles import profile_space, to_srgb

BACKGROUND = (255, 255, 255)
_STRIP_PIXELS = 8_000_000


def reduced_rgb(
    image: Image.Image,
    limit: int,
    profile: ImageCms.ImageCmsProfile | None,
    notes: list[str],
) -> Image.Image:
    """Flatten to RGB and shrink by the whole factor that leaves the long side above ``limit``.

    Parameters
    ----------
    image : Image
        Decoded, any mode.
    limit : int
        Long side wanted, pixels; the result is less than twice as long.
    profile : profile or None
        Grey and CMYK pixels are brought to sRGB here; RGB keeps its space for the caller.
    notes : list of str
        Told when transparency was filled or a profile did not fit.
    """
    factor = max(1, max(image.size) // limit)
    width, height = image.size
    value_range = _value_range(image)
    fill = _has_transparency(image)
    if factor == 1 and image.mode == "RGB" and not fill:
        return image
    rows = max(factor, _STRIP_PIXELS // width // factor * factor)
    whole = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    opaque = True
    strip_notes: list[str] = []
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(height, top + rows)))
        if fill:
            strip, strip_opaque = _flatten(strip)
            opaque &= strip_opaque
        rgb = _strip_to_rgb(strip, profile, value_range, strip_notes)
        whole.paste(rgb.reduce(factor) if factor > 1 else rgb, (0, top // factor))
    if not opaque:
        notes.append("the transparent background was filled with white")
    notes.extend(dict.fromkeys(strip_notes))
    return whole


def _has_transparency(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _flatten(strip: Image.Image) -> tuple[Image.Image, bool]:
    rgba = strip.convert("RGBA")
    alpha = rgba.getchannel("A")
    opaque = alpha.getextrema()[0] == 255
    flat = Image.new("RGB", rgba.size, BACKGROUND)
    flat.paste(rgba.convert("RGB"), mask=alpha)
    return flat, opaque


def _strip_to_rgb(
    strip: Image.Image,
    profile: ImageCms.ImageCmsProfile | None,
    value_range: float,
    notes: list[str],
) -> Image.Image:
    if strip.mode.startswith("I") or strip.mode == "F":
        values = np.nan_to_num(np.asarray(strip, dtype=np.float32), nan=0.0) * (255.0 / value_range)
        strip = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if strip.mode in ("1", "LA"):
        strip = strip.convert("L")
    if profile is not None and strip.mode in ("L", "CMYK"):
        wanted = {"L": "GRAY", "CMYK": "CMYK"}[strip.mode]
        if profile_space(profile) == wanted:
            return to_srgb(strip, profile, notes)
    return strip.convert("RGB")


def _value_range(image: Image.Image) -> float:
    """Return the value of white in a picture of more than 8 bits."""
    if image.mode.startswith("I;16"):
        return 65535.0
    if image.mode not in ("I", "F"):
        return 255.0
    highest = float(np.nan_to_num(np.asarray(image.getextrema(), dtype=np.float64)).max())
    steps = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return next((step for step in steps if highest <= step), max(highest, 1.0))
