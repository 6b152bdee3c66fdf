# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend's command that turns a film or a voice into a clip. No bpy here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backend.command_run import CommandRun, CommandStatus, Words

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


def film_order(folder: Path, film: Path, begin: float, end: float | None, face: int) -> ClipOrder:
    """Return the order for the face in a film, from `begin` to `end` seconds."""
    arguments = ["track", str(film)]
    if begin > 0.0:
        arguments += ["--start", f"{begin:.4f}"]
    if end is not None:
        arguments += ["--end", f"{end:.4f}"]
    if face:
        arguments += ["--face", str(face)]
    return ClipOrder(tuple(arguments), _place(folder, film, arguments), begin)


def voice_order(folder: Path, sound: Path, fps: str, style: float, life: bool) -> ClipOrder:
    """Return the order for the voice in a sound or film; `fps` such as "24000/1001"."""
    arguments = ["speak", str(sound), "--fps", fps, "--style", f"{style:.3g}"]
    if life:
        arguments.append("--life")
    return ClipOrder(tuple(arguments), _place(folder, sound, arguments), 0.0)


def _place(folder: Path, media: Path, arguments: list[str]) -> Path:
    state = media.stat()
    told = json.dumps([arguments, state.st_size, state.st_mtime_ns])
    name = re.sub(r"[^\w.-]+", "_", media.stem)[:40]
    return folder / f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}.npz"


class ClipRun(CommandRun):
    """The command under way; `notes` are what it told besides, once it is done."""

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
        super().__init__(command, environment, words, self._heard)

    def _heard(self, before: CommandStatus, line: str) -> CommandStatus:
        told = _read(line)
        if told.get("step") == "done":
            self.notes = tuple(map(str, told.get("notes") or ()))
        return advanced(before, line)


def advanced(before: CommandStatus, line: str) -> CommandStatus:
    """Return the status after one more line of the command."""
    told = _read(line)
    try:
        if told.get("step") == "prepare":
            what, fraction = str(told["what"]), float(told["fraction"])
        elif told.get("step") in {"file", "render"}:
            what = str(told.get("what") or before.text)
            fraction = int(told["done"]) / max(int(told["total"]), 1)
        else:
            return before
    except (ValueError, KeyError, TypeError):
        return before
    text = what[:1].upper() + what[1:]
    return replace(before, fraction=min(1.0, max(0.0, fraction)), text=text)


def _read(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
