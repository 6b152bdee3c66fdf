# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's motion format: 73 values a frame, windows of 27 frames, and files that hold them.

``[expression 64 | angles 3 (pitch, yaw, roll, rad) | translation 3 | crop scale, tx, ty]``, taken
from Deep3DFaceRecon's 257 coefficients and the numbers of its crop, as in PIRenderer
(arXiv 2109.08379). The mapping network reads each frame with 13 neighbours on both sides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from bridge.errors import BadInput, UsageError
from bridge.motion_clip import MotionClip
from heat_backend.engines.motion import Motion
from heat_backend.engines.protocol import (
    BasePortrait,
    CancelCheck,
    FrameDrawer,
    Portrait,
    never,
)
from heat_backend.media.mat_file import read_mat

SIZE = 73
EXPRESSION = slice(0, 64)
ANGLES = slice(64, 67)
TRANSLATION = slice(67, 70)
CROP = slice(70, 73)
CROP_SCALE = 70

RECONSTRUCTION_SIZE = 257
# Where the three parts stand in the 257 values that the reconstruction network gives.
_FROM_RECONSTRUCTION = (slice(80, 144), slice(224, 227), slice(254, 257))

# Weights of expression and angles in the distance of two frames (published driver selection).
_EXPRESSION_WEIGHT = 0.3
_ANGLE_WEIGHT = 0.7


def assemble(reconstruction: NDArray, transform: NDArray) -> NDArray[np.float32]:
    """Assemble 73-vectors.

    Parameters
    ----------
    reconstruction : ndarray, shape (T, 257)
        id 80, expression 64, texture 80, angles 3, gamma 27, translation 3.
    transform : ndarray, shape (T, K), K >= 3
        Whose last three columns are the crop's scale, tx and ty.

    Returns
    -------
    ndarray, shape (T, 73), float32
    """
    parts = [reconstruction[:, part] for part in _FROM_RECONSTRUCTION]
    joined = np.concatenate([*parts, transform[:, -3:]], axis=1)
    return np.ascontiguousarray(joined, np.float32)


def nearest_frame(source: NDArray, target: NDArray) -> int:
    """Return the frame of ``target`` (T, 73) nearest in expression and pose to ``source`` (73,)."""
    away = np.abs(np.asarray(target, np.float64) - np.asarray(source, np.float64))
    distance = _EXPRESSION_WEIGHT * away[:, EXPRESSION].mean(axis=1)
    distance += _ANGLE_WEIGHT * away[:, ANGLES].mean(axis=1)
    return int(distance.argmin())


def crop_ratio(source: NDArray, target: NDArray) -> float:
    """Return the factor from ``target``'s crop scale to ``source``'s, for heads of one size.

    Parameters
    ----------
    source : ndarray, shape (73,)
        The photo's vector.
    target : ndarray, shape (T, 73)
        A motion of someone else.

    Returns
    -------
    float
        Factor for column 70, measured at the frame that is nearest in pose.
    """
    return float(source[CROP_SCALE] / target[nearest_frame(source, target), CROP_SCALE])


WINDOW_RADIUS = 13  # neighbours on both sides, as published
WINDOW_LENGTH = 2 * WINDOW_RADIUS + 1

MEL_BANDS = 80
MEL_RATE = 80  # rows a second
VIDEO_RATE = 25
# Length of a mel window -> how many video frames before the frame it begins.
_MEL_LEAD = {16: 2, 32: 4, 48: 7, 80: 12}


def window_indices(frame: int, count: int) -> NDArray[np.int64]:
    """Return the 27 indices around ``frame`` of a clip of ``count`` frames, ends repeated."""
    return np.clip(np.arange(frame - WINDOW_RADIUS, frame + WINDOW_RADIUS + 1), 0, count - 1)


def motion_window(vectors: NDArray, frame: int) -> NDArray:
    """Return the (73, 27) window of one frame.

    Parameters
    ----------
    vectors : ndarray, shape (T, 73)
        The clip.
    frame : int
        Index from 0.
    """
    return np.ascontiguousarray(vectors[window_indices(frame, len(vectors))].T)


def constant_window(vector: NDArray) -> NDArray:
    """Return the (73, 27) window of a constant pose (73,)."""
    return np.repeat(vector[:, None], WINDOW_LENGTH, axis=1)


def mel_start(frame: int, length: int = 32) -> int:
    """Return the first mel row that belongs to a video frame (25 a second)."""
    return int(MEL_RATE * max(0, frame - _MEL_LEAD[length]) / VIDEO_RATE)


def mel_window(mel: NDArray, frame: int, length: int = 32) -> NDArray:
    """Return the (80, length) window of sound for one video frame; the last row is repeated.

    Parameters
    ----------
    mel : ndarray, shape (T, 80)
        80 rows a second.
    frame : int
        Video frame, from 0, 25 a second.
    length : int
        16, 32, 48 or 80 rows.
    """
    rows = np.minimum(mel_start(frame, length) + np.arange(length), len(mel) - 1)
    return np.ascontiguousarray(mel[rows].T)


PAPER_FPS = 25.0  # at which the published extraction runs
SUFFIXES = (".npy", ".mat")
_TRANSFORM_NAMES = ("transform_params", "trans_params")
_MAX_FRAMES = 500_000  # 5.5 hours at 25 fps, as many as a motion clip may have
_MOST_BYTES = _MAX_FRAMES * 300 * 8  # 257 + 5 numbers a frame, and as much again for the rest


def load_paper_clip(path: Path) -> NDArray[np.float32]:
    """Read a 73-vector clip.

    Returns
    -------
    ndarray, shape (T, 73), float32

    Raises
    ------
    BadInput
        The file cannot be read, holds something else, or a NaN; the line names the field.
    """
    try:
        if path.suffix.lower() == ".npy":
            vectors = np.load(path, allow_pickle=False)
        elif path.suffix.lower() == ".mat":
            vectors = _from_mat(path)
        else:
            raise BadInput(f"{path.name}: motions in the paper's values end in .npy or .mat")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except BadInput:
        raise
    except Exception as error:  # numpy's reader fails in many ways on damaged files
        text = " ".join(str(error).split())[:160]
        raise BadInput(f"{path.name} cannot be read: {text}; write it anew") from error
    return _checked(path, vectors)


def for_portrait(
    clip: NDArray[np.float32],
    portrait_vector: NDArray,
    *,
    expression_only: bool = False,
    match_crop: bool = False,
) -> NDArray[np.float32]:
    """Fit someone else's motion to a portrait, as the published procedures do.

    Parameters
    ----------
    clip : ndarray, shape (T, 73)
        The motion; it is not changed.
    portrait_vector : ndarray, shape (73,)
        The portrait's own vector.
    expression_only : bool
        Keep the portrait's own head pose and crop.
    match_crop : bool
        Scale the crop so that the head is shown as large as the portrait's.

    Returns
    -------
    ndarray, shape (T, 73), float32
    """
    fitted = np.array(clip, np.float32)
    if match_crop:
        fitted[:, CROP_SCALE] *= crop_ratio(portrait_vector, fitted)
    if expression_only:
        fitted[:, ANGLES.start :] = portrait_vector[ANGLES.start :]
    return fitted


def _from_mat(path: Path) -> NDArray:
    fields = read_mat(path, _MOST_BYTES)
    if "coeff" in fields:
        transform = next((fields[name] for name in _TRANSFORM_NAMES if name in fields), None)
        if transform is None:
            raise BadInput(f"{path.name} has `coeff` but no `transform_params`: extract it again")
        return _joined(path, fields["coeff"], transform)
    if "coeff_3dmm" in fields:
        return fields["coeff_3dmm"]
    found = ", ".join(sorted(fields)) or "nothing"
    raise BadInput(f"{path.name} holds {found}, but neither `coeff` nor `coeff_3dmm`")


def _joined(path: Path, coefficients: NDArray, transform: NDArray) -> NDArray:
    wide = RECONSTRUCTION_SIZE
    if coefficients.ndim != 2 or coefficients.shape[1] != wide:
        raise BadInput(f"{path.name}: `coeff` is {coefficients.shape}, not (frames, {wide})")
    if transform.ndim != 2 or transform.shape[1] < 3 or len(transform) != len(coefficients):
        raise BadInput(
            f"{path.name}: `transform_params` is {transform.shape}, not ({len(coefficients)}, 5)"
        )
    return assemble(coefficients, transform)


def _checked(path: Path, vectors: NDArray) -> NDArray[np.float32]:
    if vectors.dtype.kind not in "fiu":
        raise BadInput(f"{path.name} holds {vectors.dtype} values, not numbers")
    if vectors.ndim == 3 and vectors.shape[1] == 1:
        vectors = vectors[:, 0]  # one frame a row, kept as (T, 1, 73)
    if vectors.ndim != 2 or vectors.shape[1] != SIZE:
        raise BadInput(f"{path.name} is {vectors.shape}, not (frames, {SIZE})")
    if not 0 < len(vectors) <= _MAX_FRAMES:
        raise BadInput(f"{path.name} holds {len(vectors)} frames: give a clip of one or more")
    clip = np.ascontiguousarray(vectors, np.float32)
    invalid = ~np.isfinite(clip).all(axis=1)
    if invalid.any():
        raise BadInput(f"{path.name}: frame {int(invalid.argmax()) + 1} holds a NaN or infinity")
    return clip


@dataclass(frozen=True)
class PaperMotion(Motion):
    """A motion in the paper's values; of its clip, only length and rate mean something.

    Attributes
    ----------
    vectors : ndarray, shape (T, 73)
    """

    vectors: NDArray[np.float32]

    @property
    def key(self) -> str:
        """What tells shots of different vectors apart."""
        return "-" + hashlib.sha256(np.ascontiguousarray(self.vectors).data).hexdigest()[:16]

    def onto(self, portrait: Portrait) -> Portrait:
        """Return the portrait as this motion drives it.

        Raises
        ------
        UsageError
            When the portrait's engine does not understand the paper's values.
        """
        if not isinstance(portrait, DrivenByVectors):
            raise UsageError(
                "a motion in the paper's values (.npy, .mat) needs --engine styleheat; "
                "for other engines give an .npz clip"
            )
        return PaperPortrait(portrait, self.vectors)


@runtime_checkable
class DrivenByVectors(Protocol):
    """A portrait that the paper's values can drive."""

    width: int
    height: int
    notes: tuple[str, ...]

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """See ``Portrait``."""
        ...

    def vector_drawer(self, vectors: NDArray[np.float32]) -> FrameDrawer:
        """Return what draws the frames of a motion (T, 73)."""
        ...


class PaperPortrait(BasePortrait):
    """A portrait that a motion in the paper's values drives, whatever the clip says."""

    def __init__(self, portrait: DrivenByVectors, vectors: NDArray[np.float32]) -> None:
        self._portrait = portrait
        self._vectors = vectors
        self.width = portrait.width
        self.height = portrait.height
        self.notes = portrait.notes

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame by coefficients, as the portrait does."""
        return self._portrait.render(coefficients, out)

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws frame i of the motion."""
        return self._portrait.vector_drawer(self._vectors)


def load_motion(path: Path) -> PaperMotion:
    """Read a motion in the paper's values (``.npy``, ``.mat``).

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    vectors = load_paper_clip(path)
    count = len(vectors)
    zeros = np.zeros((count, 52), np.float32), np.zeros((count, 3), np.float32)
    clip = MotionClip(PAPER_FPS, zeros[0], zeros[1], zeros[1], source=path.name)
    return PaperMotion(clip, vectors)
