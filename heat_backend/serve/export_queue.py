# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of exports: one worker thread renders them one after the other."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from bridge import motion_clip
from bridge.errors import BadInput, Cancelled, HeatError, MissingHere, UnknownJob
from bridge.jobs import check_range
from bridge.wire import MAX_BLOB, Header
from heat_backend.export.pace import Pace
from heat_backend.serve.job_store import note_portrait, remove_job
from heat_backend.serve.portrait_cache import PortraitCache, PortraitRequest

LOG = logging.getLogger("heat.serve")
FINAL_STATES = ("rendered", "failed", "cancelled")
KEEP_FINISHED = 200
# Of exports that are not finished: far more than an animator orders, little enough for a disk.
MOST_UNFINISHED, MOST_OF_A_CLIENT = 256, 64
UPLOADED_BYTES, UPLOADED_BYTES_OF_A_CLIENT = 4 * MAX_BLOB, 2 * MAX_BLOB


@dataclass(frozen=True)
class ExportOrder:
    """One export as ordered by an EXPORT message.

    Attributes
    ----------
    portrait : PortraitRequest
        The portrait; its upload belongs to the job now.
    clip : Path
        The motion clip; belongs to the job as well.
    first, last : int or None
        Frames of the clip from 1, both included.
    fps : Fraction
        Rate of a movie.
    resume, overwrite : bool
        As ``heat_backend.export.run.export`` has them.
    out : Path
        The movie or the folder.
    own_folder : Path or None
        The job's own folder, where the client fetches the files from; deleted with the job.
    uploads : Path
        Folder of the uploads, deleted at the end.
    client : str
        Names the session that ordered it, for the limits and the order of turns.
    """

    portrait: PortraitRequest
    clip: Path
    first: int | None
    last: int | None
    fps: Fraction
    resume: bool
    overwrite: bool
    out: Path
    own_folder: Path | None
    uploads: Path
    client: str

    @cached_property
    def upload_bytes(self) -> int:
        """Disk space that its uploads take until it is finished."""
        return sum(path.stat().st_size for path in (self.portrait.file, self.clip))


@dataclass(eq=False)
class Job:
    """One export and its state; ``changed`` guards the fields and is notified of each change."""

    order: ExportOrder
    name: str = field(default_factory=lambda: secrets.token_hex(8))
    changed: threading.Condition = field(default_factory=threading.Condition)
    cancel: threading.Event = field(default_factory=threading.Event)
    revision: int = 0
    state: str = "queued"
    message: str = "waiting for its turn"
    code: str | None = None
    done: int = 0
    total: int = 0
    rendered: int = 0
    skipped: int = 0
    seconds_left: float | None = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def update(self, **changes: object) -> None:
        """Change fields and notify the waiting threads."""
        with self.changed:
            for name, value in changes.items():
                setattr(self, name, value)
            self.revision += 1
            self.changed.notify_all()

    def header(self) -> Header:
        """Return the fields of a JOB_STATUS message."""
        with self.changed:
            return {
                "job": self.name,
                "state": self.state,
                "message": self.message[:2000],
                "code": self.code,
                "done": self.done,
                "total": self.total,
                "rendered": self.rendered,
                "skipped": self.skipped,
                "seconds_left": self.seconds_left,
                "notes": [note[:2000] for note in self.notes][:20],
            }


class ExportQueue:
    """The exports of one backend; clients that have some waiting take turns."""

    def __init__(self, cache: PortraitCache) -> None:
        self._cache = cache
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._added = threading.Condition(self._lock)
        self._waiting: dict[str, deque[Job]] = {}  # by client, whose turn is next first
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="heat-export", daemon=True)
        self._thread.start()

    def add(self, order: ExportOrder) -> Job:
        """Queue an export.

        Raises
        ------
        MissingHere
            Too many, or too large ones, are not finished yet; the order was not taken.
        """
        job = Job(order)
        with self._lock:
            self._check_limits(order)
            finished = [j for j in self._jobs.values() if j.state in FINAL_STATES]
            for old in finished[: max(0, len(finished) - KEEP_FINISHED)]:
                del self._jobs[old.name]
            self._jobs[job.name] = job
            self._waiting.setdefault(order.client, deque()).append(job)
            self._added.notify()
        return job

    def _check_limits(self, order: ExportOrder) -> None:
        unfinished = [j.order for j in self._jobs.values() if j.state not in FINAL_STATES]
        own = [one for one in unfinished if one.client == order.client]
        for whose, orders, most, most_bytes in (
            ("your", own, MOST_OF_A_CLIENT, UPLOADED_BYTES_OF_A_CLIENT),
            ("all clients'", unfinished, MOST_UNFINISHED, UPLOADED_BYTES),
        ):
            if len(orders) >= most:
                raise MissingHere(
                    f"{len(orders)} of {whose} exports are not finished, and no more may wait: "
                    "try again when one is"
                )
            if sum(one.upload_bytes for one in (*orders, order)) > most_bytes:
                raise MissingHere(
                    f"the photos of {whose} exports that are not finished take too much room "
                    f"(at most {most_bytes >> 20} MB): try again when one is"
                )

    def find(self, name: str) -> Job:
        """Return the export of that name, or raise UnknownJob."""
        with self._lock:
            job = self._jobs.get(name)
        if job is None:
            raise UnknownJob("the backend does not know this export; it may have been restarted")
        return job

    def forget(self, job: Job) -> None:
        """Drop a finished export; files that only served to be fetched are deleted."""
        if job.state not in FINAL_STATES:
            return
        with self._lock:
            self._jobs.pop(job.name, None)
            own = job.order.own_folder
            # The same order given twice shares one folder: the last of the twins takes it away.
            if own is not None and all(j.order.own_folder != own for j in self._jobs.values()):
                remove_job(own)

    def stop(self, patience: float) -> None:
        """Cancel everything and wait for the worker that many seconds."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel.set()
            self._stopping = True
            self._added.notify()
        self._thread.join(patience)

    def _next(self) -> Job | None:
        """Wait for the next job and take it out; None at the end, when all others are through."""
        with self._added:
            while not self._waiting:
                if self._stopping:
                    return None
                self._added.wait()
            client, jobs = next(iter(self._waiting.items()))
            del self._waiting[client]
            job = jobs.popleft()
            if jobs:
                self._waiting[client] = jobs
            return job

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._export(job)
            except Cancelled as error:
                job.update(state="cancelled", message=str(error), seconds_left=None)
            except HeatError as error:
                job.update(state="failed", message=str(error), code=error.code, seconds_left=None)
            except Exception as error:
                LOG.error("an export failed", exc_info=error)
                text = f"the backend failed ({type(error).__name__}: {error}); see its log"
                job.update(state="failed", message=text, code="failed", seconds_left=None)
            finally:
                shutil.rmtree(job.order.uploads, ignore_errors=True)

    def _export(self, job: Job) -> None:
        from heat_backend.export.run import export

        order = job.order
        if job.cancel.is_set():
            raise Cancelled("cancelled before it began")
        job.update(state="preparing", message="preparing the portrait")
        try:
            clip = motion_clip.load(order.clip)
        except BadInput as error:
            raise BadInput(str(error).removeprefix(f"{order.clip}: ")) from error
        frames = check_range(order.first, order.last, len(clip))
        job.update(total=len(frames))
        prepared = self._cache.prepare(
            order.portrait,
            lambda text, _: job.update(message=text),
            job.cancel.is_set,
        )
        if order.own_folder is not None:
            note_portrait(order.own_folder, prepared.photo_digest)
        cost = prepared.portrait.edit_cost(clip)
        job.update(state="rendering", message=f"rendering, with {cost}" if cost else "rendering")
        result = export(
            prepared.portrait,
            clip,
            order.out,
            frames=frames,
            fps=order.fps,
            resume=order.resume,
            engine_label=prepared.label,
            progress=_progress(job),
            cancelled=job.cancel.is_set,
            portrait_id=prepared.key,
            overwrite=order.overwrite,
            follow_links=False,
        )
        job.update(
            state="rendered",
            message="rendered",
            done=len(frames),
            rendered=result.rendered,
            skipped=result.skipped,
            files=tuple(Path(os.path.realpath(file.parent)) / file.name for file in result.files),
            notes=result.notes,
            seconds_left=0.0,
        )


def _progress(job: Job) -> Callable[[int, int], None]:
    """Return a function that notes progress and estimates the time left from this run's pace."""
    pace = Pace()

    def note(done: int, total: int) -> None:
        rate = pace.note(done)
        skipped = pace.skipped or 0
        job.update(
            done=done,
            total=total,
            skipped=skipped,
            rendered=done - skipped,
            seconds_left=None if rate is None else (total - done) / rate,
        )

    return note
