# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion clips: the coefficients of a run of frames, with their rate, in one ``.npz`` file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .coefficients import (
    EXPRESSION_COUNT,
    EXPRESSION_INDEX,
    EXPRESSION_MAX,
    EXPRESSION_MIN,
    EXPRESSION_NAMES,
    MAX_EDITS,
    Coefficients,
    check_edit_name,
)
from .errors import BadInput
from .npz_file import read_npz
from .whole_file import user_file

FORMAT = "heat-motion"
VERSION = 1
MAX_UNPACKED = 256 << 20
"""Bytes that a clip may take once unpacked: hours at 60 frames a second."""
MAX_FRAMES = 500_000
"""Of a clip: 2.3 hours at 60 frames a second."""
MAX_FPS = 1000.0
ADVICE = "choose an .npz that Heat wrote, as Render to Sequencer and `make demo` do"

_FIELDS = (
    "format", "version", "fps", "expression_names", "expression", "rotation", "translation",
    "edits", "edit_names", "confidence", "source",
)  # fmt: skip

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MotionClip:
    """The coefficients of T frames.

    Attributes
    ----------
    fps : float
        Frames a second, more than 0.
    expression : (T, 52) float32
        In the order of ``EXPRESSION_NAMES``.
    rotation : (T, 3) float32
        (pitch, yaw, roll) in radians.
    translation : (T, 3) float32
        In distances between the outer eye corners.
    edits : (T, E) float32 or None
        The values of ``edit_names``.
    edit_names : tuple of str
        Empty without edits.
    confidence : (T,) float32 or None
        How sure a tracker was, 0..1.
    source : str or None
        Name of the file that the motion came from, without its folder.

    Raises
    ------
    BadInput
        On construction, when a field has a wrong shape or a value that is not finite, or when
        there is no frame at all or more than ``MAX_FRAMES``; the message names the field.
    """

    fps: float
    expression: Array
    rotation: Array
    translation: Array
    edits: Array | None = None
    edit_names: tuple[str, ...] = ()
    confidence: Array | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        _check_fps(self.fps)
        frames = _rows("expression", self.expression)
        if frames == 0:
            raise BadInput("expression: the clip holds no frames")
        if frames > MAX_FRAMES:
            raise BadInput(f"expression: {frames} frames, at most {MAX_FRAMES} are possible")
        shapes = {
            "expression": (frames, EXPRESSION_COUNT),
            "rotation": (frames, 3),
            "translation": (frames, 3),
            "edits": (frames, len(self.edit_names)),
            "confidence": (frames,),
        }
        if self.edits is None and self.edit_names:
            raise BadInput("edits: missing although edit_names is there")
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None or name in ("expression", "rotation", "translation"):
                object.__setattr__(self, name, _table(name, value, shape))
        _check_edit_names(self.edit_names)

    def __len__(self) -> int:
        return len(self.expression)

    def frame(self, index: int) -> Coefficients:
        """Return the coefficients of one frame.

        Parameters
        ----------
        index : int
            0..T-1, the first frame is 0.

        Raises
        ------
        BadInput
            There is no such frame.
        """
        if not 0 <= index < len(self):
            raise BadInput(f"the clip has {len(self)} frames; there is no frame {index + 1}")
        edits: Mapping[str, float] = {}
        if self.edits is not None:
            edits = dict(zip(self.edit_names, map(float, self.edits[index]), strict=True))
        return Coefficients(
            self.expression[index], self.rotation[index], self.translation[index], edits
        )


def clamped(clip: MotionClip) -> tuple[MotionClip, int]:
    """Bring every expression value into -0.5..1.5.

    Returns
    -------
    MotionClip, int
        The clip (the very same when nothing had to change) and the number of frames changed, so
        that the caller can warn once a clip.
    """
    outside = (clip.expression < EXPRESSION_MIN) | (clip.expression > EXPRESSION_MAX)
    frames = int(outside.any(axis=1).sum())
    if frames == 0:
        return clip, 0
    inside = np.clip(clip.expression, EXPRESSION_MIN, EXPRESSION_MAX)
    kept = (clip.edits, clip.edit_names, clip.confidence, clip.source)
    return MotionClip(clip.fps, inside, clip.rotation, clip.translation, *kept), frames


def save(clip: MotionClip, path: str | Path) -> None:
    """Write a clip to ``path``; the file appears whole or not at all.

    Raises
    ------
    BadInput
        The file cannot be written there.
    """
    with user_file(Path(path)) as part, part.open("xb") as file:
        write(clip, file)


def write(clip: MotionClip, file: BinaryIO) -> None:
    """Write a clip to an open binary file."""
    fields: dict[str, Any] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "fps": np.array(float(clip.fps)),
        "expression_names": np.array(EXPRESSION_NAMES),
        "expression": clip.expression,
        "rotation": clip.rotation,
        "translation": clip.translation,
    }
    if clip.edits is not None:
        fields |= {"edits": clip.edits, "edit_names": np.array(clip.edit_names, np.str_)}
    if clip.confidence is not None:
        fields["confidence"] = clip.confidence
    if clip.source is not None:
        fields["source"] = np.array(clip.source)
    np.savez_compressed(file, **fields)


def load(path: str | Path | BinaryIO) -> MotionClip:
    """Read a clip from a path or an open, seekable binary file.

    Raises
    ------
    BadInput
        The file cannot be read or is not a clip, or a field is missing, has a wrong shape, a NaN
        or an unknown name, or is of a newer version; the message names the field.
    """
    what = str(path) if isinstance(path, (str, Path)) else "the motion clip"
    try:
        return _from_fields(_read_fields(path, what))
    except BadInput as error:
        raise BadInput(f"{what}: {error}") from error


def _read_fields(path: str | Path | BinaryIO, what: str) -> dict[str, NDArray]:
    if isinstance(path, (str, Path)) and Path(path).is_dir():
        raise BadInput(f"a folder, not a motion clip: {ADVICE}")
    try:
        return read_npz(Path(path) if isinstance(path, str) else path, MAX_UNPACKED, _FIELDS)
    except FileNotFoundError as error:
        raise BadInput(f"there is no such motion clip: {ADVICE}") from error
    except PermissionError as error:
        raise BadInput("no permission to read it: change the file's permissions") from error
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror or error}): {ADVICE}") from error
    except ValueError as error:
        raise BadInput(f"not a motion clip, or a damaged one ({error}): {ADVICE}") from error


def _from_fields(fields: dict[str, NDArray]) -> MotionClip:
    if _scalar(fields, "format", np.str_) != FORMAT:
        raise BadInput(f"format: not {FORMAT!r}, so no motion clip: {ADVICE}")
    version = int(float(_scalar(fields, "version", np.number)))
    if version > VERSION:
        raise BadInput(f"version: {version} is newer than {VERSION}, the one known here; update")
    if version < 1:
        raise BadInput(f"version: {version} does not exist")
    edit_names = _names(fields, "edit_names") if "edits" in fields else ()
    source = _scalar(fields, "source", np.str_) if "source" in fields else None
    clip = MotionClip(
        float(_scalar(fields, "fps", np.number)),
        _needed(fields, "expression"),
        _needed(fields, "rotation"),
        _needed(fields, "translation"),
        fields.get("edits"),
        edit_names,
        fields.get("confidence"),
        PurePath(source.replace("\\", "/")).name if source else None,
    )
    order = _expression_order(_names(fields, "expression_names"))
    if order == list(range(EXPRESSION_COUNT)):
        return clip
    rest = (clip.rotation, clip.translation, clip.edits, clip.edit_names)
    return MotionClip(clip.fps, clip.expression[:, order], *rest, clip.confidence, clip.source)


def _expression_order(names: tuple[str, ...]) -> list[int]:
    for name in names:
        if name not in EXPRESSION_INDEX:
            raise BadInput(f"expression_names: unknown name {name[:80]!r}")
    if len(names) != EXPRESSION_COUNT or len(set(names)) != EXPRESSION_COUNT:
        raise BadInput(f"expression_names: not the {EXPRESSION_COUNT} names, each once")
    return [names.index(name) for name in EXPRESSION_NAMES]


def _needed(fields: dict[str, NDArray], name: str) -> NDArray:
    if name not in fields:
        raise BadInput(f"{name}: missing, so no whole motion clip: {ADVICE}")
    return fields[name]


def _scalar(fields: dict[str, NDArray], name: str, kind: type) -> str:
    value = _needed(fields, name)
    if value.shape != () or not np.issubdtype(value.dtype, kind):
        raise BadInput(f"{name}: not a single {'text' if kind is np.str_ else 'number'}")
    if kind is np.number and not np.isfinite(value):
        raise BadInput(f"{name}: {value} is not a finite number")
    return str(value)


def _names(fields: dict[str, NDArray], name: str) -> tuple[str, ...]:
    value = _needed(fields, name)
    if value.ndim != 1 or (value.size and not np.issubdtype(value.dtype, np.str_)):
        raise BadInput(f"{name}: not a list of names")
    return tuple(map(str, value))


def _rows(name: str, value: ArrayLike) -> int:
    shape = np.shape(value)
    if len(shape) != 2:
        raise BadInput(f"{name}: shape {shape} where (frames, {EXPRESSION_COUNT}) is needed")
    return int(shape[0])


def _table(name: str, value: NDArray, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise BadInput(f"{name}: not a table of numbers")
    if array.shape != shape:
        raise BadInput(f"{name}: shape {array.shape} where {shape} is needed")
    with np.errstate(over="ignore"):
        table: Array = np.ascontiguousarray(array, np.float32)
    bad = ~np.isfinite(table)
    if bad.any():
        frame = int(np.argwhere(bad)[0][0])
        raise BadInput(f"{name}: a value of frame {frame + 1} is not a finite number")
    if table.flags.writeable:
        table = table.copy() if np.shares_memory(table, value) else table
        table.flags.writeable = False
    return table


def _check_fps(fps: float) -> None:
    if not isinstance(fps, (int, float, np.number)) or not 0.0 < float(fps) <= MAX_FPS:
        raise BadInput(f"fps: {fps} is not a rate between 0 and {MAX_FPS:.0f}")


def _check_edit_names(names: tuple[str, ...]) -> None:
    if len(names) > MAX_EDITS:
        raise BadInput(f"edit_names: {len(names)} of them, at most {MAX_EDITS} are possible")
    for name in names:
        check_edit_name(name, "edit_names")
    if len(set(names)) != len(names):
        raise BadInput("edit_names: a name stands twice")
