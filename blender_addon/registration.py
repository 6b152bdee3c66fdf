# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the add-on's modules with Blender, in order.

Each listed module has `CLASSES` (registered here) and may have `register()` and
`unregister()` for what is not a class. A module that fails leaves a line in `problems()`, which the
panel shows; the others still register.
"""

from __future__ import annotations

import importlib
import logging
import threading
from types import ModuleType

import bpy

from .core import load_problems

log = logging.getLogger(__name__)

MODULE_NAMES = (
    "panels.preferences_page",
    "properties.portrait_properties",
    "operators.portrait_operators",
    "panels.portrait_panel",
    "operators.map_operators",
    "panels.map_panel",
    "operators.preview_operators",
    "operators.overlay_operators",
    "panels.preview_panel",
    "preview.live",
    "operators.edit_operators",
    "operators.preset_operators",
    "operators.lamp_operators",
    "operators.match_operators",
    "panels.edit_panel",
    "operators.motion_operators",
    "panels.motion_panel",
    "operators.render_operators",
    "panels.render_panel",
    "operators.backend_operators",
    "operators.setup_operators",
    "operators.doctor_operators",
    "operators.weights_operators",
    "jobs.background_jobs",
)

_registered: list[ModuleType] = []


def problems() -> tuple[str, ...]:
    """Return a line about each module that could not register, for the panel."""
    return tuple(load_problems.sentences)


def register() -> None:
    """Register all modules; a second call without `unregister` starts afresh."""
    if _registered:
        unregister()
    load_problems.sentences.clear()
    for name in MODULE_NAMES:
        try:
            module = importlib.import_module(f".{name}", __package__)
            _register_module(module)
        except Exception as error:
            log.exception("heat: %s did not register", name)
            load_problems.sentences.append(f"The part '{name}' did not load: {error}")
            continue
        _registered.append(module)
    if not bpy.app.background:
        bpy.app.timers.register(_warm_up, first_interval=1.0, persistent=True)


def unregister() -> None:
    """Undo `register`, last module first; never raises for a part that is already gone."""
    if bpy.app.timers.is_registered(_warm_up):
        bpy.app.timers.unregister(_warm_up)
    while _registered:
        _unregister_module(_registered.pop())


def _warm_up() -> None:
    """Import what the first drawing of the panel needs, numpy above all, beside the interface."""
    package = __package__

    def load() -> None:
        for name in ("bridge", "scene.sampling", "backend.choose"):
            if name == "bridge":
                _ = importlib.import_module(str(package)).bridge
            else:
                importlib.import_module(f".{name}", package)

    threading.Thread(target=load, name="heat-warm-up", daemon=True).start()


def _register_module(module: ModuleType) -> None:
    done: list[type] = []
    try:
        for cls in getattr(module, "CLASSES", ()):
            bpy.utils.register_class(cls)
            done.append(cls)
        if hasattr(module, "register"):
            module.register()
    except Exception:
        for cls in reversed(done):
            bpy.utils.unregister_class(cls)
        raise


def _unregister_module(module: ModuleType) -> None:
    if hasattr(module, "unregister"):
        try:
            module.unregister()
        except Exception:
            log.exception("heat: %s did not unregister", module.__name__)
    for cls in reversed(getattr(module, "CLASSES", ())):
        try:
            bpy.utils.unregister_class(cls)
        except RuntimeError:
            log.exception("heat: %s did not unregister", cls.__name__)
