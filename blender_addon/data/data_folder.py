# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in the user's data that the add-on may write to: environment, logs."""

from __future__ import annotations

from pathlib import Path

import bpy


def path() -> Path:
    """Return the folder; it may not exist yet. Never the extension's own folder."""
    try:
        return Path(
            bpy.utils.extension_path_user(str(__package__.rpartition(".")[0]), create=False)
        )
    except ValueError:
        # Not installed as an extension: a checkout, or a legacy add-on folder.
        return Path(bpy.utils.user_resource("DATAFILES", path="heat"))


def make() -> Path:
    """Return the folder, made if need be."""
    folder = path()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment() -> Path:
    """Return the folder of the backend's environment."""
    return path() / "backend"


def setup_log() -> Path:
    """Return the log of the last set-up."""
    return path() / "setup.log"


def backend_log() -> Path:
    """Return the log of the backend."""
    return path() / "backend.log"
