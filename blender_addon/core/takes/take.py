# SPDX-License-Identifier: GPL-3.0-or-later
"""A take: names of its files, the motion clip made of its samples, and its record.

`FOLDER/PORTRAIT/take_001/frame_000001.png ...` or `FOLDER/PORTRAIT/take_001.mp4`, beside it
`take_001.npz` (the motion) and `take_001.json` (the record, from which Resume continues). Every
take has its own number, so no render overwrites another. No bpy here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ... import bridge
from .. import engines

FORMAT = "heat-take"
VERSION = 1
_TAKE = re.compile(r"take_(\d+)(?:\.|$)")


@dataclass(frozen=True)
class TakeFiles:
    """Paths of one take: the movie or folder, the motion clip, the record."""

    out: Path
    motion: Path
    record: Path


def folder_name(portrait_name: str) -> str:
    """Return a portrait's name as a folder name that is valid on every system."""
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", portrait_name).strip(" .")
    return name[:80] or "portrait"


def next_take(folder: Path, portrait_name: str, movie: bool) -> TakeFiles:
    """Return the paths of a take that does not exist yet.

    Parameters
    ----------
    folder : Path
        The output folder; need not exist.
    portrait_name : str
        Any text.
    movie : bool
        Whether one movie is written, rather than an image sequence.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    place = folder / folder_name(portrait_name)
    numbers = [0]
    if place.is_dir():
        found = (_TAKE.match(entry.name) for entry in place.iterdir())
        numbers += [int(match[1]) for match in found if match]
    stem = f"take_{max(numbers) + 1:03d}"
    out = place / (f"{stem}.mp4" if movie else stem)
    return TakeFiles(out, place / f"{stem}.npz", place / f"{stem}.json")


@dataclass(frozen=True)
class TakeClip:
    """A motion clip, notes on what it leaves out, and the cost of its edits in words, or ""."""

    clip: bridge.motion_clip.MotionClip
    notes: tuple[str, ...] = ()
    cost: str = ""


def clip_of(
    samples: Sequence[bridge.coefficients.Coefficients],
    rate: Fraction,
    engine: str,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> TakeClip:
    """Return samples as a motion clip; it has the edits that are not 0 in some frame.

    Parameters
    ----------
    samples : sequence of Coefficients
        One a frame.
    rate : Fraction
        Frames a second.
    engine : str
        The engine that renders it: edits that it does not have are left out.
    options : mapping
        The engine's own options, on which the cost of edits may depend.
    """
    import numpy as np  # here, so that registration does not wait for it

    found = tuple(dict.fromkeys(name for sample in samples for name in sample.edits))
    names = tuple(name for name in found if engines.has_edit(engine, name))
    edits = [[sample.edits.get(name, 0.0) for name in names] for sample in samples]
    left_out = engines.missing_edits_line(engine, found)
    clip = bridge.motion_clip.MotionClip(
        fps=float(rate),
        expression=np.stack([sample.expression for sample in samples]),
        rotation=np.stack([sample.rotation for sample in samples]),
        translation=np.stack([sample.translation for sample in samples]),
        edits=np.array(edits, np.float32) if names else None,
        edit_names=names,
    )
    cost = ""
    can = engines.capabilities(engine)
    if clip.edits is not None and can.inverts_edits:
        attributes_too = can.inverts_attributes(options)
        cost = bridge.edit_cost.summary(
            bridge.edit_cost.edit_keys(clip.edits, names, attributes_too)
        )
    return TakeClip(clip, (left_out,) if left_out else (), cost)


@dataclass(frozen=True)
class TakeRecord:
    """A take, unfinished or finished.

    Attributes
    ----------
    uid, portrait : str
        Identifier and name of the portrait.
    out, motion : str
        Movie or folder, and motion clip; names within the record's own folder, so that a moved
        project still resumes.
    first, last : int
        Scene frames, both included.
    fps : tuple of 2 ints
        Frame rate as a fraction.
    engine : str
        Name of the engine.
    options : dict
        Fields of `EngineOptions`, as it reads them.
    done : bool
        All frames are written and the strip is in the sequencer.
    """

    uid: str
    portrait: str
    out: str
    motion: str
    first: int
    last: int
    fps: tuple[int, int]
    engine: str
    options: dict[str, Any]
    done: bool = False

    @property
    def rate(self) -> Fraction:
        """Frames a second."""
        return Fraction(*self.fps)

    @property
    def is_movie(self) -> bool:
        """Whether the take is one movie."""
        return self.out.endswith(".mp4")

    @property
    def count(self) -> int:
        """Number of frames."""
        return self.last - self.first + 1


def save_record(record: TakeRecord, path: Path) -> None:
    """Write a record atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(record)}, indent=1)
    with bridge.whole_file.whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def load_record(path: Path) -> TakeRecord:
    """Read a record.

    Raises
    ------
    BadInput
        It is missing or damaged.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.get("format") != FORMAT or found.get("version") != VERSION:
            raise ValueError("not a record")
        fields = {name: found[name] for name in TakeRecord.__dataclass_fields__}
        record = TakeRecord(**fields)
        numerator, denominator = (int(part) for part in record.fps)
        record = replace(record, fps=(numerator, denominator), first=int(record.first))
        if Path(record.out).name != record.out or Path(record.motion).name != record.motion:
            raise ValueError("names a file elsewhere")
        bridge.client.EngineOptions.read(record.options)
    except FileNotFoundError:
        raise bridge.errors.BadInput(
            "The record of the unfinished take is gone: render afresh"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise bridge.errors.BadInput(
            f"The record of the unfinished take cannot be read ({error}): render afresh"
        ) from None
    return record


def mark_finished(record: TakeRecord, path: Path) -> None:
    """Write the record of a take as finished."""
    save_record(replace(record, done=True), path)
