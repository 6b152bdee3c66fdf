# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on a portrait's face, one a portrait: the backend fits it, or matches it to a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import bridge
from ..backend import choose
from ..backend.clip_command import ClipOrder, ClipRun
from ..backend.command import Words
from ..data import portraits
from .machine import BackgroundJob, JobList

if TYPE_CHECKING:
    from ..backend.clip_command import ClipRun

_ELSEWHERE = "The backend is another machine's: fit and match a face with a backend on this machine"
_LEAVE_MODE = "The head is ready: leave the current mode (Tab)"
_STOPPED = "Stopped: nothing was changed"
BUSY = "The face of this portrait is being worked on"
Land = Callable[[Any, Any, Path], tuple[str, ...]]
"""Given context, portrait and the backend's file, changes the scene; returns what to tell."""


@dataclass(frozen=True)
class FaceOrder:
    """What is to be done.

    Attributes
    ----------
    arguments : tuple of str
        Of the backend's program, without portrait and ``--out``.
    done : str
        What the backend's work comes to, in words.
    undo : str
        What undo calls it.
    land : callable
        See `Land`.
    adds_objects : bool
        Landing waits until Object Mode is on.
    """

    arguments: tuple[str, ...]
    done: str
    undo: str
    land: Land
    adds_objects: bool = False


class FaceJob(BackgroundJob):
    """One order on its way."""

    what = "work on the face"

    def __init__(self, scene_name: str, uid: str, order: FaceOrder, run: ClipRun) -> None:
        super().__init__(scene_name, uid)
        self.undo = order.undo
        self._order, self._run = order, run
        self._waits = False

    @property
    def fraction(self) -> float:
        """How far the backend is, 0..1."""
        return self._run.status.fraction

    def line(self) -> str:
        """Return where it stands, in words."""
        if self.finished:
            return self.message
        return _LEAVE_MODE if self._waits else self._run.status.text

    def cancel(self) -> None:
        """Stop it; nothing has been changed then."""
        self._run.cancel()
        if self._waits:
            self.state, self.message = "cancelled", _STOPPED

    def _go_on(self) -> None:
        status = self._run.status
        if status.state in {"failed", "cancelled"}:
            self.state, self.message = status.state, status.text
        if status.state != "done":
            return
        self._waits = self._order.adds_objects and bpy.context.mode != "OBJECT"
        if self._waits:
            return
        scene, portrait = self._place()
        out = self._run.order.out
        try:
            with _in_scene(scene):
                self.message, *notes = self._order.land(bpy.context, portrait, out)
        finally:
            out.unlink(missing_ok=True)
        told = (note[:1].upper() + note[1:] for note in self._run.notes)
        self.notes = (*notes, *told)
        self.state = "done"


_jobs = JobList()
job_of, running, cancel = _jobs.of, _jobs.running, _jobs.cancel
register, unregister = _jobs.register, _jobs.unregister


def start(scene: Any, portrait: Any, order: FaceOrder) -> FaceJob:
    """Begin.

    Raises
    ------
    HeatError
        Something is missing, or the face is being worked on; the message says what.
    """
    if running(portrait.uid):
        raise bridge.errors.BadInput(BUSY)
    program = choose.command(_ELSEWHERE)
    verb, *rest = order.arguments
    arguments = [verb, "--portrait", str(_photo_file(portrait)), *rest]
    if portrait.face:
        arguments += ["--face", str(portrait.face)]
    out = _file(portrait, ".npz")
    out.unlink(missing_ok=True)
    run = ClipRun(
        program.command,
        choose.whole_environment(program),
        ClipOrder(tuple(arguments), out, 0.0),
        Words(order.done, _STOPPED),
    )
    job = FaceJob(scene.name, portrait.uid, order, run)
    _jobs.begin(job)
    return job


def _photo_file(portrait: Any) -> Path:
    """Return the photo as a file; an image of the .blend is written to one."""
    source = portraits.portrait_source(portrait)
    if source.path is not None:
        return Path(source.path)
    assert source.pixels is not None
    height, width = source.pixels.shape[:2]
    path = _file(portrait, ".ppm")
    path.write_bytes(f"P6 {width} {height} 255\n".encode() + source.pixels.tobytes())
    return path


def _file(portrait: Any, suffix: str) -> Path:
    """Return a place in Blender's own temporary folder, which goes when Blender ends."""
    return Path(bpy.app.tempdir) / f"heat-{portrait.uid}{suffix}"


@contextmanager
def _in_scene(scene: Any) -> Iterator[None]:
    """Let operators work in a scene, wherever the call comes from."""
    windows = bpy.context.window_manager.windows
    own = [window for window in windows if window.scene == scene]
    if own:
        with bpy.context.temp_override(window=own[0]):
            yield
        return
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        yield
