# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a scene's colour management would change a photo's colours, and setting it right."""

from __future__ import annotations

from typing import Any


def complaint(scene: Any) -> str | None:
    """Return what would shift the photo's colours, in a line, or None."""
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


def fix(scene: Any) -> None:
    """Let the scene show sRGB pictures as they are."""
    settings = scene.view_settings
    settings.view_transform = "Standard"
    settings.look = "None"
    settings.exposure = 0.0
    settings.gamma = 1.0
    settings.use_curve_mapping = False
