# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portrait's settings ask of the engine, and which frames of its shot."""

from __future__ import annotations

from typing import Any


def engine_options(portrait: Any, size: int) -> Any:
    """Return the portrait's engine settings for a size in px (0: the photo's own)."""
    from .. import bridge

    return bridge.portrait_source.EngineOptions(
        size=size or None,
        device=portrait.device,
        face=portrait.face or None,
        neutralise=portrait.neutralise,
        inversion=portrait.inversion,
        keep_identity=portrait.keep_identity,
    )


def frame_range(scene: Any, portrait: Any) -> tuple[int, int]:
    """Return first and last frame to render, both included."""
    output = portrait.output
    if output.range_source == "OWN":
        return output.frame_start, output.frame_end
    return scene.frame_start, scene.frame_end
