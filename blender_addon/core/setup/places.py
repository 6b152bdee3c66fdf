# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a set-up keeps what: all below one folder of the user's data. No bpy here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The folders and files of the set-up, below `data`, the add-on's folder for the user."""

    data: Path

    @property
    def environments(self) -> Path:
        """Folder of the environments, and of the file that says which is the current one."""
        return self.data / "backend"

    @property
    def work(self) -> Path:
        """What a set-up under way, or one that was aborted, has gathered; gone after success."""
        return self.data / "setup"

    @property
    def wheels(self) -> Path:
        """Wheels that have arrived whole."""
        return self.work / "wheels"

    @property
    def lock(self) -> Path:
        """Held by the Blender that sets up."""
        return self.data / "setup.lock"

    @property
    def log(self) -> Path:
        """Log of the last set-up."""
        return self.data / "setup.log"

    @property
    def backend_log(self) -> Path:
        """Log of the backend."""
        return self.data / "backend.log"
