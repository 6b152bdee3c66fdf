# SPDX-License-Identifier: GPL-3.0-or-later
"""Where numba keeps the loops that it compiled when it may not write beside the code."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from bridge.errors import HeatError
from heat_backend.storage import user_folders
from heat_backend.storage.own_files import make_own_folder


def writable_folder() -> Path:
    """Return a folder of the user's cache; where none can be written, one that ends with us.

    It is the user's alone: what lies in it is run.
    """
    folder = user_folders.cache_folder() / "compiled"
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_own_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, HeatError):
        own = Path(tempfile.mkdtemp(prefix="heat-compiled-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return own
