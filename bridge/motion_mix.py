# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixing motion clips: one over another by regions, or one after the other, with crossfades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .coefficients import EXPRESSION_COUNT
from .errors import BadInput, UsageError
from .motion_clip import MotionClip
from .pose import unwrap
from .ramps import smoothstep
from .regions import REGIONS, region_mask

HEAD = "head"
LAYERS = (HEAD, *REGIONS)
"""What can be taken from a clip: the head's pose, and the face's regions."""
NO_EDITS = "mix clips without edits: lay the edits over the mixed clip instead"

Array = NDArray[np.float32]


def resampled(clip: MotionClip, fps: float) -> MotionClip:
    """Bring a clip to another rate; its length in seconds stays, values are interpolated.

    Raises
    ------
    BadInput
        The rate is none.
    """
    if abs(clip.fps - fps) < 1e-6:
        return clip
    if not 0.0 < fps <= 1000.0:
        raise BadInput(f"fps: {fps} is not a rate between 0 and 1000")
    count = max(1, round(len(clip) * fps / clip.fps))
    at = np.arange(count) * (clip.fps / fps)

    def sampled(values: NDArray[np.floating] | None) -> Array | None:
        if values is None:
            return None
        if values.size == 0:
            return np.zeros((count, *values.shape[1:]), np.float32)
        table = np.asarray(values, np.float64).reshape(len(clip), -1)
        columns = [np.interp(at, np.arange(len(clip)), column) for column in table.T]
        shape = (count, *values.shape[1:])
        return np.stack(columns, axis=1).reshape(shape).astype(np.float32)

    rotation = sampled(unwrap(clip.rotation))
    expression, translation = sampled(clip.expression), sampled(clip.translation)
    assert expression is not None and rotation is not None and translation is not None
    return MotionClip(
        fps, expression, rotation, translation, sampled(clip.edits), clip.edit_names,
        sampled(clip.confidence), clip.source,
    )  # fmt: skip


def laid_over(
    base: MotionClip,
    over: MotionClip,
    weights: Mapping[str, float],
    at: float = 0.0,
    fade: float = 0.0,
) -> MotionClip:
    """Blend ``over`` into ``base`` where it lasts.

    Parameters
    ----------
    base, over : MotionClip
        The result has the rate and the length of ``base``.
    weights : mapping of str to float
        For names out of ``LAYERS``, 0..1: 1 takes ``over`` alone, 0 or no entry ``base`` alone.
    at : float
        Second of ``base`` at which ``over`` begins; may be negative.
    fade : float
        Seconds over which it comes and goes where it begins or ends inside ``base``.

    Raises
    ------
    UsageError
        An unknown layer, a weight or fade out of range, or no overlap.
    BadInput
        A clip has edits, whose meanings may differ.
    """
    _check(base, over, fade)
    share = _shares(weights)
    if not np.isfinite(at):
        raise UsageError(f"{at} is not a second: give a number")
    over = resampled(over, base.fps)
    start = round(at * base.fps)
    first, last = max(0, start), min(len(base), start + len(over))
    if first >= last:
        raise UsageError(f"the second clip, at {at:g} s, lies outside the first one")
    here, there = slice(first, last), slice(first - start, last - start)
    ramp = _ramp(last - first, fade * base.fps, start > 0, start + len(over) < len(base))

    def mixed(own: Array, other: Array, weight: NDArray[np.floating] | float) -> Array:
        out = own.copy()
        out[here] += (ramp[:, None] * weight * (other[there] - own[here])).astype(np.float32)
        return out

    by_name = sum(weight * region_mask([name]) for name, weight in share.items() if name != HEAD)
    head = share.get(HEAD, 0.0)
    return replace(
        base,
        expression=mixed(base.expression, over.expression, by_name + np.zeros(EXPRESSION_COUNT)),
        rotation=mixed(base.rotation, over.rotation, head),
        translation=mixed(base.translation, over.translation, head),
        confidence=None,
    )


def joined(first: MotionClip, second: MotionClip, fade: float = 0.0) -> MotionClip:
    """Play ``second`` after ``first``, at the first one's rate.

    Parameters
    ----------
    first, second : MotionClip
    fade : float
        Seconds in which both overlap, the one going and the other coming.

    Raises
    ------
    UsageError
        ``fade`` is longer than one of the clips.
    BadInput
        A clip has edits.
    """
    _check(first, second, fade)
    second = resampled(second, first.fps)
    overlap = round(fade * first.fps)
    if overlap > min(len(first), len(second)):
        raise UsageError(f"a crossfade of {fade:g} s is longer than one of the clips")
    coming = ((np.arange(overlap) + 1) / (overlap + 1))[:, None]
    coming = smoothstep(0.0, 1.0, coming)

    def chained(a: Array, b: Array) -> Array:
        kept = len(a) - overlap
        both = a[kept:] * (1.0 - coming) + b[:overlap] * coming
        return np.concatenate([a[:kept], both.astype(np.float32), b[overlap:]])

    return MotionClip(
        first.fps,
        chained(first.expression, second.expression),
        chained(first.rotation, second.rotation),
        chained(first.translation, second.translation),
        source=first.source,
    )


def _check(first: MotionClip, second: MotionClip, fade: float) -> None:
    if not 0.0 <= fade <= 3600.0:
        raise UsageError(f"a crossfade of {fade:g} s: give seconds from 0 on")
    if first.edits is not None or second.edits is not None:
        raise BadInput(f"edits: {NO_EDITS}")


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    for name, weight in weights.items():
        if name not in LAYERS:
            raise UsageError(f"nothing is called {name!r}: choose among {', '.join(LAYERS)}")
        if not 0.0 <= weight <= 1.0:
            raise UsageError(f"{name}: {weight:g} is not a weight from 0 to 1")
    return dict(weights)


def _ramp(count: int, fade: float, comes: bool, goes: bool) -> NDArray[np.float64]:
    """Weights (count,) that rise at the start and fall at the end, smoothly, where asked."""
    at = np.arange(count) + 1.0
    ramp = np.ones(count)
    if fade > 0.0 and comes:
        ramp = np.minimum(ramp, at / (fade + 1.0))
    if fade > 0.0 and goes:
        ramp = np.minimum(ramp, at[::-1] / (fade + 1.0))
    return smoothstep(0.0, 1.0, ramp)
