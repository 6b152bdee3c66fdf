# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's command that turns a video or a voice into a motion clip. No bpy here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import bridge
from .command import DONE, RUNNING, CommandRun, CommandStatus, Words

MADE = Words("The motion is here", "Stopped; the next bake goes on there")


@dataclass(frozen=True)
class ClipOrder:
    """A clip to be made.

    Attributes
    ----------
    arguments : tuple of str
        Of the backend's program, without ``--out``.
    out : Path
        The clip; a name of its own for every file and every choice, so that it can be kept.
    begin : float
        Seconds of the media before the clip's first frame.
    """

    arguments: tuple[str, ...]
    out: Path
    begin: float


def video_order(folder: Path, video: Path, begin: float, end: float | None, face: int) -> ClipOrder:
    """Return the order for the face in a video, from `begin` to `end` seconds."""
    arguments = ["track", str(video)]
    if begin > 0.0:
        arguments += ["--start", f"{begin:.4f}"]
    if end is not None:
        arguments += ["--end", f"{end:.4f}"]
    if face:
        arguments += ["--face", str(face)]
    return ClipOrder(tuple(arguments), _place(folder, video, arguments), begin)


def voice_order(folder: Path, sound: Path, fps: str, style: float, life: bool) -> ClipOrder:
    """Return the order for the voice in a sound or video; `fps` such as "24000/1001"."""
    arguments = ["speak", str(sound), "--fps", fps, "--style", f"{style:.3g}"]
    if life:
        arguments.append("--life")
    return ClipOrder(tuple(arguments), _place(folder, sound, arguments), 0.0)


def _place(folder: Path, media: Path, arguments: list[str]) -> Path:
    state = media.stat()
    content = json.dumps([arguments, state.st_size, state.st_mtime_ns])
    name = re.sub(r"[^\w.-]+", "_", media.stem)[:40]
    return folder / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.npz"


class ClipRun(CommandRun):
    """The command under way; `notes` are the lines for the user in its last message."""

    def __init__(
        self,
        program: tuple[str, ...],
        environment: Mapping[str, str],
        order: ClipOrder,
        words: Words = MADE,
    ) -> None:
        self.order = order
        self.notes: tuple[str, ...] = ()
        command = (*program, *order.arguments, "--out", str(order.out), "--json-progress")
        super().__init__(command, environment, words, self._advanced)

    def _advanced(self, before: CommandStatus, line: str) -> CommandStatus:
        notes = bridge.progress_lines.parse_notes(line)
        if notes is not None:
            self.notes = notes
        return advanced(before, line)


def advanced(before: CommandStatus, line: str) -> CommandStatus:
    """Return the status after one more line of the command."""
    amount = bridge.progress_lines.parse_amount(line)
    if amount is None:
        return before
    what = amount.what or before.text
    return replace(before, fraction=amount.fraction, text=what[:1].upper() + what[1:])


class ClipRuns:
    """Runs the commands of several clips one after the other; existing files are not made again.

    Parameters
    ----------
    orders : sequence of ClipOrder
    start : callable
        Starts the backend's command for one of them.
    """

    def __init__(self, orders: Sequence[ClipOrder], start: Callable[[ClipOrder], ClipRun]) -> None:
        self.notes: tuple[str, ...] = ()
        self._left = [order for order in orders if not order.out.is_file()]
        self._start = start
        self._run: ClipRun | None = None
        self._next()

    def _next(self) -> None:
        self._run = self._start(self._left.pop(0)) if self._left else None

    @property
    def status(self) -> CommandStatus:
        """Where the clip in hand is; "done" once all are here."""
        if self._run is None:
            return CommandStatus(DONE, 1.0, "The motion is here")
        status = self._run.status
        if status.state == DONE and self._left:
            return CommandStatus(RUNNING, 0.0, "Starting")
        return status

    def step(self) -> CommandStatus:
        """Go on to the next clip where one is finished, and return the status."""
        if self._run is not None and self._run.status.state == DONE:
            self.notes += self._run.notes
            self._next()
        return self.status

    def cancel(self) -> None:
        """Stop; nothing that follows is started."""
        self._left.clear()
        if self._run is not None:
            self._run.cancel()
