# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and ending a backend process that belongs to this one.

The secret goes to the child in its environment, never on its command line. The child's standard
input is kept open: when this process ends, however it ends, the child sees the end of it and goes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .errors import BackendLost, MissingHere
from .handshake import new_secret

SECRET_VARIABLE = "HEAT_SECRET"
SECRET_FILE_VARIABLE = "HEAT_SECRET_FILE"
PARENT_PIPE_VARIABLE = "HEAT_PARENT_PIPE"
PARENT_ID_VARIABLE = "HEAT_PARENT_PID"
PATIENCE = 60.0
LONGEST_FIRST_LINE = 4096
LARGEST_LOG = 1 << 20  # bytes, of all starts together


class BackendProcess:
    """A backend that this process started.

    Use ``spawn`` (returns at once) or ``start`` (waits until the backend listens).
    """

    def __init__(
        self, process: subprocess.Popen[bytes], secret: str, log: IO[bytes], log_path: Path
    ) -> None:
        self._process = process
        self._log = log
        self._heard = threading.Event()
        self._address: tuple[str, int] | None = None
        self.secret = secret
        """Known to this process and the backend only."""
        self.pid = process.pid
        self.log_path = log_path
        self._listener = threading.Thread(
            target=self._listen, name="heat-backend-output", daemon=True
        )
        self._listener.start()

    @classmethod
    def spawn(
        cls,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        log_path: str | Path = os.devnull,
    ) -> BackendProcess:
        """Start a backend and return at once.

        Parameters
        ----------
        command : sequence of str
            Program and arguments, such as ``[python, "-m", "heat_backend", "serve"]``.
        env : mapping, optional
            Set over this process's own environment.
        log_path : path
            Gets what the backend writes; appended to, for the user alone. Beyond
            ``LARGEST_LOG`` bytes it becomes ``NAME.old`` and a new one is begun.

        Raises
        ------
        MissingHere
            The program or the log's folder does not exist or may not be used.
        """
        secret = new_secret()
        environment = {**os.environ, **(env or {})}
        environment.pop(SECRET_FILE_VARIABLE, None)
        environment |= {
            SECRET_VARIABLE: secret,
            PARENT_PIPE_VARIABLE: "1",
            PARENT_ID_VARIABLE: str(os.getpid()),
        }
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0
        try:
            log = _open_log(Path(log_path))
        except OSError as error:
            raise MissingHere(f"cannot write the log {log_path}: {error.strerror}") from error
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                creationflags=flags,
            )
        except OSError as error:
            log.close()
            raise MissingHere(f"cannot start {command[0]}: {error.strerror}") from error
        return cls(process, secret, log, Path(log_path))

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        log_path: str | Path = os.devnull,
        patience: float = PATIENCE,
    ) -> BackendProcess:
        """Start a backend and wait until it listens (see ``spawn``, ``wait_ready``)."""
        backend = cls.spawn(command, env, log_path)
        try:
            backend.wait_ready(patience)
        except BaseException:
            backend.stop()
            raise
        return backend

    @property
    def ready(self) -> bool:
        """Whether the backend has said where it listens."""
        return self._address is not None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; MissingHere or BackendLost if it has none yet."""
        return self.wait_ready(0.0)

    def wait_ready(self, patience: float = PATIENCE) -> tuple[str, int]:
        """Wait until the backend listens; return host and port.

        Raises
        ------
        MissingHere
            It ended instead; the message has the last line of its log.
        BackendLost
            It said nothing within ``patience`` seconds.
        """
        self._heard.wait(patience)
        if self._address is not None:
            return self._address
        if self._heard.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
            raise MissingHere(f"the backend did not start: {self._last_line()}")
        raise BackendLost("the backend is still starting")

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.exit_status() is None

    def exit_status(self) -> int | None:
        """Return what the process ended with; None while it runs."""
        return self._process.poll()

    def stop(self, patience: float = 5.0) -> None:
        """End the backend: first by closing its input, then by force."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        for force in (None, self._process.terminate, self._process.kill):
            if force is not None:
                with contextlib.suppress(OSError):
                    force()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)
                break
        self._listener.join(1.0)

    def _listen(self) -> None:
        output = self._process.stdout
        assert output is not None
        try:
            first = output.readline(LONGEST_FIRST_LINE)
            self._address = _address(first)
            if self._address is None and first:
                self._log.write(first)
            self._heard.set()
            while piece := output.read1(65536) if hasattr(output, "read1") else output.read(1):
                self._log.write(piece)
        except (OSError, ValueError):
            pass
        finally:
            self._heard.set()
            output.close()
            self._log.close()

    def _last_line(self) -> str:
        time.sleep(0.05)
        try:
            with self.log_path.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 4096))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return "its log cannot be read"
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:500] if said else f"it ended with status {self.exit_status()}"


def _open_log(path: Path) -> IO[bytes]:
    """Open a log to append to, readable by the user alone."""
    if path.is_file() and not path.is_symlink():
        with contextlib.suppress(OSError):
            if path.stat().st_size > LARGEST_LOG:
                path.replace(path.with_name(path.name + ".old"))
            else:
                path.chmod(0o600)  # one that an earlier version made
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def _address(line: bytes) -> tuple[str, int] | None:
    try:
        said = json.loads(line)
        return str(said["host"]), int(said["port"])
    except (ValueError, KeyError, TypeError):
        return None
