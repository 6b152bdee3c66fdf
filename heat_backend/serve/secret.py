# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the backend's secret from the environment or from a file that only its owner can read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bridge.errors import BadInput, MissingHere
from bridge.handshake import check_secret, new_secret
from bridge.launch import SECRET_FILE_VARIABLE, SECRET_VARIABLE
from heat_backend.storage.user_folders import config_folder


def read_secret() -> tuple[str, Path | None]:
    """Return the secret, and the file that it was newly written to, if it was.

    ``HEAT_SECRET`` is taken out of the environment, so that no child process inherits it. Without
    it the file named by ``HEAT_SECRET_FILE`` counts, else the user's own, which is made at need.

    Raises
    ------
    BadInput
        The file cannot be read, or others can read it.
    UsageError
        The secret is too short.
    """
    given = os.environ.pop(SECRET_VARIABLE, None)
    if given is not None:
        return check_secret(given), None
    named = os.environ.get(SECRET_FILE_VARIABLE)
    path = Path(named) if named else config_folder() / "secret"
    if not named and not path.exists():
        _write(path)
        return _read(path), path
    return _read(path), None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if sys.platform != "win32":
                status = os.fstat(file.fileno())
                if status.st_uid != os.getuid() or status.st_mode & 0o077:
                    raise BadInput(f"{path} can be read by others; run: chmod 600 '{path}'")
            return check_secret(file.read(4096).decode("utf-8"))
    except OSError as error:
        raise BadInput(f"the secret file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"the secret file {path} is not text") from error


def _write(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_secret() + "\n")
    except OSError as error:
        raise MissingHere(
            f"cannot write the secret to {path} ({error.strerror}); set {SECRET_VARIABLE} instead"
        ) from error
