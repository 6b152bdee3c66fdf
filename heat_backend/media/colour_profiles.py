# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts pictures with an embedded colour profile to sRGB."""

from __future__ import annotations

import io

from PIL import Image, ImageCms


def find_profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    """Return the embedded ICC profile; None when it is missing, unreadable or sRGB itself."""
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        description = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError, ValueError, TypeError):
        return None
    # A trip from sRGB to sRGB would only round the values.
    return None if "srgb" in description.lower().replace(" ", "") else profile


def profile_space(profile: ImageCms.ImageCmsProfile) -> str:
    """Colour space of the profile's pixels, such as ``"RGB"``, ``"GRAY"`` or ``"CMYK"``."""
    return str(profile.profile.xcolor_space).strip()


def to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile, notes: list[str]) -> Image.Image:
    """Convert an L, RGB or CMYK picture to RGB in sRGB through its profile.

    A profile that does not fit the picture is left out, with a line in ``notes``.
    """
    expected = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}.get(image.mode)
    try:
        if profile_space(profile) != expected:
            raise ValueError("profile of another colour space")
        converted = ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, ValueError, OSError):
        notes.append("the embedded colour profile could not be used; sRGB was assumed")
        return image.convert("RGB")
    assert converted is not None
    return converted
