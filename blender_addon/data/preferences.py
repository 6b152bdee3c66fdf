# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences, and the folder for its own files: environment, logs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy

from ..core.setup.places import Places

# Environment variable with the backend's Python. It overrides the preferences (render farms,
# scripts) and replaces them where the add-on runs from a checkout.
PYTHON_VARIABLE = "HEAT_BACKEND_PYTHON"
# Environment variable with the backend's folder of weights.
WEIGHTS_VARIABLE = "HEAT_WEIGHTS"
# Environment variable with a folder of wheels to set up from; it overrides the preferences.
WHEELS_VARIABLE = "HEAT_WHEELS"


class _Defaults:
    """The preferences' defaults, used where the add-on runs from a checkout, without an entry."""

    def __init__(self) -> None:
        self.backend = "OWN"
        self.base_python = self.wheel_folder = self.existing_python = ""
        self.torch_build = "AUTO"
        self.host = self.secret = self.weights_folder = ""
        self.port = 7653


_defaults = _Defaults()


def current() -> Any:
    """Return the preferences, or an object with their defaults where Blender has none."""
    entry = bpy.context.preferences.addons.get(__package__.rpartition(".")[0])
    prefs = entry.preferences if entry is not None else None
    return prefs if prefs is not None else _defaults


def named_python(prefs: Any) -> str:
    """Return the interpreter that the environment variable or the preferences name, or ""."""
    named = os.environ.get(PYTHON_VARIABLE, "")
    if named:
        return named
    if prefs.backend == "EXISTING":
        return own_path(prefs.existing_python)
    return ""


def own_path(named: str) -> str:
    """Return a path of the preferences, or "" for none and for one beside the open .blend.

    Blender's "//" stands for the folder of whatever file is open: a program or network found
    there would be that of whoever made the .blend.
    """
    return "" if named.startswith("//") else str(bpy.path.abspath(named)) if named else ""


def uses_own() -> bool:
    """Return whether the backend is that of Heat's own environment."""
    return not os.environ.get(PYTHON_VARIABLE) and current().backend == "OWN"


def weights_folder(prefs: Any) -> str:
    """Return the weights folder that the preferences name, or ""."""
    return own_path(prefs.weights_folder)


def data_folder() -> Path:
    """Return the folder; it may not exist yet. Never the extension's own folder."""
    try:
        return Path(
            bpy.utils.extension_path_user(str(__package__.rpartition(".")[0]), create=False)
        )
    except ValueError:
        # Not installed as an extension: a checkout, or a legacy add-on folder.
        return Path(bpy.utils.user_resource("DATAFILES", path="heat"))


def places() -> Places:
    """Return where the backend's environment and its logs are."""
    return Places(data_folder())


def wheel_folder(prefs: Any) -> Path | None:
    """Return the folder of wheels that the environment variable or the preferences name."""
    named = os.environ.get(WHEELS_VARIABLE, "") or own_path(prefs.wheel_folder)
    return Path(named) if named else None


def motion_folder() -> Path:
    """Return the folder of the clips that were read from videos and voices."""
    return data_folder() / "motion"


def backend_log() -> Path:
    """Return the log of the backend."""
    return places().backend_log
