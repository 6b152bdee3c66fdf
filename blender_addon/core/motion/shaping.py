# SPDX-License-Identifier: GPL-3.0-or-later
"""Resamples a motion clip to scene frames and shapes it: mirror, smoothing, gain by face region.

Also selects which of the 52 expressions a bake uses. No bpy here.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ... import bridge

Array = NDArray[np.float64]
HEAD: str = bridge.motion_mix.HEAD
REGIONS: tuple[str, ...] = bridge.motion_mix.LAYERS
_PAIRS = ("Left", "Right")
# Mirroring negates yaw, roll and the sideways translation.
_MIRRORED_ROTATION = np.array([1.0, -1.0, -1.0])
_MIRRORED_SHIFT = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Timing:
    """Placement of a clip on the scene's frames.

    Attributes
    ----------
    first : int
        Scene frame that shows the clip at `begin`.
    seconds_per_frame : float
        Seconds of the clip that pass in one scene frame, above 0.
    begin : float
        Seconds into the clip at the first frame, 0 or more.
    frames : int or None
        How many frames, at most as many as the clip lasts; None for all of the clip.
    """

    first: int
    seconds_per_frame: float
    begin: float = 0.0
    frames: int | None = None


@dataclass(frozen=True)
class Shaping:
    """Changes to a clip before it is baked.

    Attributes
    ----------
    gains : mapping of str to float
        Factor for each of ``REGIONS``; 1 where a region is not named.
    smooth : float
        Standard deviation of a Gaussian in scene frames; 0 for none.
    mirror : bool
        Swap left and right.
    """

    gains: Mapping[str, float] = field(default_factory=dict)
    smooth: float = 0.0
    mirror: bool = False


@dataclass(frozen=True, eq=False)
class Motion:
    """Coefficients on consecutive scene frames.

    Attributes
    ----------
    first : int
        Scene frame of the first row.
    expression : (N, 52) array
    rotation : (N, 3) array
        (pitch, yaw, roll), radians, unwrapped.
    translation : (N, 3) array
        In outer-eye-corner distances.
    edits : mapping of str to (N,) array
        By name; empty where the clip has none.
    """

    first: int
    expression: Array
    rotation: Array
    translation: Array
    edits: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.expression)


def shaped(clip: bridge.motion_clip.MotionClip, timing: Timing, shaping: Shaping) -> Motion:
    """Resample a clip to the scene's frames, then mirror, smooth and scale it.

    Raises
    ------
    BadInput
        The clip has no frames in the wanted part.
    """
    motion = resampled(clip, timing)
    expression, rotation, translation = motion.expression, motion.rotation, motion.translation
    if shaping.mirror:
        expression = expression[:, _mirror_order()]
        rotation, translation = rotation * _MIRRORED_ROTATION, translation * _MIRRORED_SHIFT
    if shaping.smooth > 0.0:
        expression, rotation, translation = (
            smoothed(table, shaping.smooth) for table in (expression, rotation, translation)
        )
    names = bridge.coefficients.EXPRESSION_NAMES
    gains = np.array([shaping.gains.get(bridge.regions.region_of(name), 1.0) for name in names])
    head = shaping.gains.get(HEAD, 1.0)
    return Motion(
        motion.first, expression * gains, rotation * head, translation * head, motion.edits
    )


def resampled(clip: bridge.motion_clip.MotionClip, timing: Timing) -> Motion:
    """Resample a clip to the scene's frames by linear interpolation.

    Where the frame rates are equal, the values are unchanged.

    Raises
    ------
    BadInput
        The clip has no frames in the wanted part.
    """
    lasts = len(clip) / clip.fps - timing.begin
    count = round(lasts / timing.seconds_per_frame + 1e-6)
    if timing.frames is not None:
        count = min(count, timing.frames)
    if lasts <= 0.0 or timing.frames == 0:
        raise bridge.errors.BadInput(
            "The motion has no frames in this part of the strip: show more of the strip"
        )
    seconds = timing.begin + np.arange(max(count, 1)) * timing.seconds_per_frame
    at: Array = np.asarray(seconds * clip.fps, float)
    # Rounding of the frame rates must not blend neighbouring frames where the rates are equal.
    at = np.where(np.abs(at - np.rint(at)) < 1e-4, np.rint(at), at)
    return Motion(
        timing.first,
        _interpolated(np.asarray(clip.expression, float), at),
        _interpolated(bridge.pose.unwrap(clip.rotation), at),
        _interpolated(np.asarray(clip.translation, float), at),
        {} if clip.edits is None else _edits(clip.edits, clip.edit_names, at),
    )


def _edits(table: NDArray[np.float32], names: tuple[str, ...], at: Array) -> dict[str, Array]:
    return dict(zip(names, _interpolated(np.asarray(table, float), at).T, strict=True))


def smoothed(table: Array, sigma: float) -> Array:
    """Smooth the columns of (N, C) by a centred Gaussian of `sigma` rows; ends are repeated."""
    reach = max(1, round(3.0 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(table, ((reach, reach), (0, 0)), mode="edge")
    result = np.zeros_like(table)
    for shift, weight in enumerate(kernel):
        result += weight * padded[shift : shift + len(table)]
    return result


def _interpolated(table: Array, at: Array) -> Array:
    """Interpolate rows of (N, C) linearly at fractional row numbers; ends are repeated."""
    at = np.clip(at, 0.0, len(table) - 1.0)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, len(table) - 1)
    part = (at - low)[:, None]
    return np.asarray(table[low] * (1.0 - part) + table[high] * part)


def _mirror_order() -> list[int]:
    """Return for each expression the index of the one on the other side."""
    names = bridge.coefficients.EXPRESSION_NAMES
    return [bridge.coefficients.EXPRESSION_INDEX[_other_side(name)] for name in names]


def _other_side(name: str) -> str:
    for side, other in (_PAIRS, _PAIRS[::-1]):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def expression_mask(regions: frozenset[str], only: str = "") -> NDArray[np.bool_]:
    """Return which of the 52 expressions are wanted.

    Parameters
    ----------
    regions : frozenset of str
        Out of `REGIONS`.
    only : str
        Names of expressions separated by commas or spaces, with ``*`` as wildcard, such as
        "jaw*, mouthClose"; empty for all of the regions.

    Returns
    -------
    (52,) bool array

    Raises
    ------
    BadInput
        A name in `only` matches no expression.
    """
    names = bridge.coefficients.EXPRESSION_NAMES
    taken = bridge.regions.region_mask(regions - {HEAD})
    patterns = only.replace(",", " ").split()
    if not patterns:
        return taken
    named = np.zeros(len(names), bool)
    for pattern in patterns:
        hits = [fnmatch.fnmatchcase(name.casefold(), pattern.casefold()) for name in names]
        if not any(hits):
            raise bridge.errors.BadInput(
                f'"{pattern}" is not an expression: names are like jawOpen or mouthSmileLeft, '
                "and * stands for anything"
            )
        named |= np.array(hits)
    return taken & named
