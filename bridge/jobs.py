# SPDX-License-Identifier: GPL-3.0-or-later
"""Export of a shot by the backend: start, progress, cancel, resume; nothing here blocks.

The backend renders in a worker of its own and goes on when the connection breaks. Where it sees
the same disk it writes to the target itself; else the finished files are fetched from it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from . import fields, motion_clip
from .client import Client
from .errors import (
    BackendLost,
    BadInput,
    Cancelled,
    HeatError,
    UnknownJob,
    UsageError,
)
from .fetching import Target, fetch_files, files_in_place
from .portrait_source import EngineOptions, PortraitSource
from .wire import Header, Kind

__all__ = ["ExportJob", "JobStatus", "Shot"]

ClientFactory = Callable[[], Client]

LOST_PATIENCE = 15.0
"""Seconds that a lost backend has to come back before the job counts as interrupted."""
RETRY_SECONDS = 0.3
FINAL_STATES = ("done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True, eq=False)
class Shot:
    """All that an export needs.

    Attributes
    ----------
    portrait : PortraitSource
        The still picture.
    engine : str or None
        Name of the engine; None for the backend's default.
    options : EngineOptions
        Size, device, face.
    motion_path : path
        The motion clip.
    out_path : path
        Ends in ``.mp4``: a movie; else a folder for ``frame_000001.png`` ...
    first, last : int or None
        Frames of the clip counted from 1, both included; None for its ends.
    fps : Fraction, float or None
        Frame rate of a movie; None takes the clip's.
    resume : bool
        Keep what an earlier run of this shot finished.
    overwrite : bool
        Files of another shot may be replaced.
    """

    portrait: PortraitSource
    engine: str | None
    options: EngineOptions
    motion_path: str | Path
    out_path: str | Path
    first: int | None = None
    last: int | None = None
    fps: Fraction | float | None = None
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class JobStatus:
    """Where an export stands.

    Attributes
    ----------
    state : str
        ``starting``, ``queued``, ``preparing``, ``rendering``, ``fetching``, ``lost`` (looking for
        the backend), or final: ``done``, ``failed``, ``cancelled``, ``interrupted`` (the backend
        was restarted; start again with ``resume``).
    frames_done, frames_total : int
        Frames that are finished, counting those of an earlier run.
    seconds_left : float or None
        Estimate; None while there is none.
    message : str
        For the user: what goes on, or what went wrong.
    files : tuple of Path
        The finished files, once the state is ``done``.
    rendered, skipped : int
        Frames rendered by this run, and frames that an earlier run had finished.
    notes : tuple of str
        What a user should know about the result.
    """

    state: str = "starting"
    frames_done: int = 0
    frames_total: int = 0
    seconds_left: float | None = None
    message: str = ""
    files: tuple[Path, ...] = ()
    rendered: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL_STATES

    @property
    def fraction(self) -> float:
        """How much is done, 0..1."""
        return self.frames_done / self.frames_total if self.frames_total else 0.0


class ExportJob:
    """One export in a thread of its own; make it with ``start``."""

    def __init__(self, client_factory: ClientFactory, shot: Shot) -> None:
        self._factory = client_factory
        self._shot = shot
        self._status = JobStatus()
        self._cancel = threading.Event()
        self._cancel_told = False
        self._job: str | None = None
        self._target: Target | None = None
        self._thread = threading.Thread(target=self._run, name="heat-export", daemon=True)

    @classmethod
    def start(cls, client_factory: ClientFactory, shot: Shot) -> ExportJob:
        """Begin an export and return at once; every failure shows in ``poll``.

        Parameters
        ----------
        client_factory : callable
            Makes a client; called in the job's thread, and anew when the backend was lost.
        shot : Shot
            What to render, and where to.
        """
        job = cls(client_factory, shot)
        job._thread.start()
        return job

    def poll(self) -> JobStatus:
        """Return where the export stands; never waits."""
        return self._status

    def cancel(self) -> None:
        """Stop the export soon; finished frames stay and can be resumed from."""
        self._cancel.set()

    def wait(self, timeout: float | None = None) -> JobStatus:
        """Wait for the end of the export (or ``timeout`` seconds) and return where it stands."""
        self._thread.join(timeout)
        return self._status

    def _run(self) -> None:
        try:
            self._run_to_end()
        except Cancelled as error:
            self._set(state="cancelled", message=str(error), seconds_left=None)
        except UnknownJob:
            done = self._status.frames_done
            text = f"the backend was restarted after {done} frames; Resume goes on from there"
            self._set(state="interrupted", message=text, seconds_left=None)
        except BackendLost as error:
            text = f"{error}; start the backend, then Resume"
            self._set(state="interrupted", message=text, seconds_left=None)
        except HeatError as error:
            self._set(state="failed", message=str(error), seconds_left=None)
        except Exception as error:  # the thread must not die without a word
            text = f"the export failed: {type(error).__name__}: {error}"
            self._set(state="failed", message=text, seconds_left=None)

    def _set(self, **changes: object) -> None:
        self._status = replace(self._status, **changes)  # type: ignore[arg-type]

    def _run_to_end(self) -> None:
        clip_bytes, clip_fps = _read_clip(Path(self._shot.motion_path))
        deadline = time.monotonic() + LOST_PATIENCE
        while True:
            self._stop_if_cancelled()
            try:
                with self._factory() as client:
                    if self._job is None:
                        self._begin(client, clip_bytes, clip_fps)
                    else:
                        self._note(client.request(*self._query()).header)
                    deadline = time.monotonic() + LOST_PATIENCE
                    self._watch(client)
                    self._finish(client)
                    return
            except BackendLost as error:
                if self._job is None or time.monotonic() > deadline:
                    raise
                self._set(state="lost", message=f"{error}; looking for the backend")
                self._cancel_told = False
                time.sleep(RETRY_SECONDS)

    def _stop_if_cancelled(self) -> None:
        if self._cancel.is_set() and (self._job is None or self._status.state == "lost"):
            raise Cancelled("cancelled")

    def _query(self) -> tuple[Kind, Header, Kind]:
        return Kind.JOB_QUERY, {"job": self._job}, Kind.JOB_STATUS

    def _begin(self, client: Client, clip_bytes: bytes, clip_fps: float) -> None:
        shot = self._shot
        self._target = Target.find(client, Path(shot.out_path), shot.resume, shot.overwrite)
        header = client.upload_portrait(shot.portrait, shot.engine, shot.options)
        rate = Fraction(shot.fps if shot.fps is not None else clip_fps)
        rate = rate.limit_denominator(100_000)
        header |= {
            "clip": client.upload(memoryview(clip_bytes)),
            "first": shot.first,
            "last": shot.last,
            "fps": [rate.numerator, rate.denominator],
            "resume": shot.resume,
            "overwrite": shot.overwrite,
            "target": self._target.header(),
        }
        self._stop_if_cancelled()
        answer = client.request(Kind.EXPORT, header, Kind.JOB_STATUS).header
        self._job = fields.text(answer, "job")
        self._note(answer)

    def _note(self, header: Header) -> None:
        """Take over what the backend says about the job."""
        self._set(
            state=fields.text(header, "state"),
            frames_done=fields.integer(header, "done", 0, 1 << 31),
            frames_total=fields.integer(header, "total", 0, 1 << 31),
            seconds_left=None
            if header.get("seconds_left") is None
            else fields.number(header, "seconds_left"),
            message=fields.text(header, "message", 2000),
            rendered=fields.integer(header, "rendered", 0, 1 << 31),
            skipped=fields.integer(header, "skipped", 0, 1 << 31),
            notes=tuple(fields.texts(header, "notes", 100, 2000)),
        )
        if self._status.state == "failed":
            raise HeatError(self._status.message)
        if self._status.state == "cancelled":
            raise Cancelled(self._status.message)

    def _watch(self, client: Client) -> None:
        while self._status.state != "rendered":
            if self._cancel.is_set() and not self._cancel_told:
                client.tell(Kind.JOB_CANCEL, {"job": self._job})
                self._cancel_told = True
            message = client.next_message(0.2)
            if message is not None and message.kind == Kind.JOB_STATUS:
                self._note(message.header)

    def _finish(self, client: Client) -> None:
        target, job = self._target, self._job
        assert target is not None and job is not None
        if target.seen_by_backend:
            files = files_in_place(client, job, target)
        else:
            self._set(state="fetching", message="fetching the finished files")
            files = fetch_files(client, job, target, self._cancel.is_set)
        client.tell(Kind.JOB_FORGET, {"job": job})
        self._set(state="done", message="finished", files=files, seconds_left=0.0)


def _read_clip(path: Path) -> tuple[bytes, float]:
    clip = motion_clip.load(path)
    try:
        return path.read_bytes(), clip.fps
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error


def check_range(first: int | None, last: int | None, frames: int) -> range:
    """Return the indices from 0 of frames ``first`` to ``last`` (from 1, both included).

    Raises
    ------
    UsageError
        The clip has no such frames.
    """
    begin, end = first or 1, last or frames
    if not 1 <= begin <= end <= frames:
        raise UsageError(f"frames {begin}-{end} are not within the clip's 1-{frames}")
    return range(begin - 1, end)
