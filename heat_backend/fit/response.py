# SPDX-License-Identifier: GPL-3.0-or-later
"""How strongly this portrait answers its controls, measured on its own frames.

The same offsets read differently on a painting, under flat light or on a face that already
smiles. At preparation a few controls are rendered, tracked with the engine's own detector, and
each gets a bounded gain that brings what is read into the range a control of that name means.

To add a row: append a :class:`Trial` to ``TRIALS`` with the expression to render and, for each
group of channels that is to share one gain, a :class:`Reading` whose ``read`` returns how far
the frame went the way the channel's name says (positive), and the range it should fall in.
A frame costs about 40 ms of preparation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from heat_backend.measures import tracked

Points = NDArray[np.floating]
LEAST_GAIN, MOST_GAIN = 0.7, 1.6
ROUNDS = 2
BLIND = 0.15  # share of the range's lower end below which the tracker does not see the control
BEYOND = 0.25  # by how much a gain's effect may still grow past 1


@dataclass(frozen=True)
class Reading:
    """What is read off one trial's frame for channels that share a gain.

    Attributes
    ----------
    channels : tuple of str
        Expressions that get the gain.
    read : callable
        ``read(points, still)``: response, positive in the control's sense, from landmarks
        (478, 3) of the trial's frame and of the all-zero frame.
    low, high : float
        Range in which the response should fall; inside it the gain is left alone.
    least, most : float
        Bounds of the gain.
    own_most : float
        Where the portrait's own landmarks go as far, a weak reading is the tracker's fault and
        the gain goes no higher.
    """

    channels: tuple[str, ...]
    read: Callable[[Points, Points], float]
    low: float
    high: float
    least: float = LEAST_GAIN
    most: float = MOST_GAIN
    own_most: float = np.inf


@dataclass(frozen=True)
class Trial:
    """One rendered frame and what is read off it."""

    expression: Mapping[str, float]
    readings: tuple[Reading, ...]


def _pair(name: str, value: float = 1.0) -> dict[str, float]:
    return {f"{name}Left": value, f"{name}Right": value}


def _wider(points: Points, still: Points) -> float:
    return tracked.mouth_width(points) / tracked.mouth_width(still) - 1.0


def _narrower(points: Points, still: Points) -> float:
    return -_wider(points, still)


def _opened(points: Points, still: Points) -> float:
    return tracked.mouth_opening(points) - tracked.mouth_opening(still)


def _brow_raised(side: str) -> Callable[[Points, Points], float]:
    def read(points: Points, still: Points) -> float:
        return tracked.brow_height(points, side) / tracked.brow_height(still, side) - 1.0

    return read


def _brow_lowered(side: str) -> Callable[[Points, Points], float]:
    raised = _brow_raised(side)
    return lambda points, still: -raised(points, still)


def _both_brows_raised(points: Points, still: Points) -> float:
    return min(_brow_raised(side)(points, still) for side in tracked.SIDES)


def _brows(name: str) -> tuple[Reading, ...]:
    return tuple(
        Reading((f"{name}{side}",), _brow_lowered(side), 0.10, 0.16, 0.8) for side in tracked.SIDES
    )


def _looked(sideways: float) -> Callable[[Points, Points], float]:
    """How far both irises went to image right (1) or left (-1): the one that went less."""

    def read(points: Points, still: Points) -> float:
        moved = [tracked.gaze(points, side) - tracked.gaze(still, side) for side in tracked.SIDES]
        return float(min(sideways * step[0] for step in moved))

    return read


def _glance(out: str, into: str, sideways: float) -> Trial:
    """Both eyes to one side; they share the gain, or they would squint."""
    channels = (f"eyeLookOut{out}", f"eyeLookIn{into}")
    reading = Reading(channels, _looked(sideways), 0.16, 0.40, 1.0, 1.3)
    return Trial(dict.fromkeys(channels, 1.0), (reading,))


TRIALS = (
    _glance("Left", "Right", 1.0),
    _glance("Right", "Left", -1.0),
    Trial(
        {"browInnerUp": 1.0},
        (Reading(("browInnerUp",), _both_brows_raised, 0.12, 0.24, 0.8, 1.35),),
    ),
    Trial(_pair("browDown"), _brows("browDown")),
    Trial({"jawOpen": 0.7}, (Reading(("jawOpen", "mouthClose"), _opened, 0.20, 0.36, 0.8, 1.3),)),
    Trial(
        _pair("mouthSmile"),
        (Reading(("mouthSmileLeft", "mouthSmileRight"), _wider, 0.12, 0.30, 0.8, 1.4),),
    ),
    Trial(
        {"mouthPucker": 1.0}, (Reading(("mouthPucker",), _narrower, 0.17, 0.30, 0.8, 1.5, 0.27),)
    ),
)


def measured_gains(
    track: Callable[[Mapping[str, float]], Points | None],
    trials: tuple[Trial, ...] = TRIALS,
    own: Callable[[Mapping[str, float]], Points] | None = None,
) -> NDArray[np.float32]:
    """Find the gains of one portrait.

    Parameters
    ----------
    track : callable
        Landmarks (478, 3) of the frame with the given expressions, None where no face is found.
    trials : tuple of Trial
    own : callable, optional
        Landmarks (478, 3) as the portrait itself knows them.

    Returns
    -------
    ndarray, shape (52,), float32
        1 for every channel that no trial covers or whose response cannot be read.
    """
    gains = np.ones(len(EXPRESSION_NAMES), np.float32)
    still = track({})
    if still is None:
        return gains
    for trial in trials:
        found = [1.0] * len(trial.readings)
        for index, gain in enumerate(_trial_gains(track, still, trial, found)):
            if own is not None:
                gain = _within_own(own, trial, trial.readings[index], gain)
            for name in trial.readings[index].channels:
                gains[EXPRESSION_INDEX[name]] = gain
    return gains


def _trial_gains(
    track: Callable[[Mapping[str, float]], Points | None],
    still: Points,
    trial: Trial,
    gains: list[float],
) -> list[float]:
    """Gains of one trial's readings: correct in proportion, keep what came nearest."""
    best = list(gains)
    missed = [np.inf] * len(gains)
    for _ in range(ROUNDS + 1):
        asked = dict(trial.expression)
        for reading, gain in zip(trial.readings, gains, strict=True):
            asked |= {k: asked[k] * gain for k in reading.channels if k in asked}
        points = track(asked)
        if points is None:
            return best
        settled = True
        for i, reading in enumerate(trial.readings):
            got = float(reading.read(points, still))
            miss = max(0.0, reading.low - got, got - reading.high)
            if np.isfinite(got) and miss < missed[i]:
                best[i], missed[i] = gains[i], miss
            gains[i] = _corrected(reading, gains[i], got)
            settled = settled and abs(gains[i] - best[i]) < 0.02
        if settled:
            break
    return best


def _within_own(
    own: Callable[[Mapping[str, float]], Points], trial: Trial, reading: Reading, gain: float
) -> float:
    """Lower a gain above 1 to where the portrait's own landmarks go far enough."""
    if gain <= 1.0 or not np.isfinite(reading.own_most):
        return gain
    asked = dict(trial.expression)
    more = asked | {k: asked[k] * gain for k in reading.channels if k in asked}
    plain, driven = (reading.read(own(shown), own({})) for shown in (asked, more))
    if driven <= reading.own_most:
        return gain
    share = (reading.own_most - plain) / max(driven - plain, 1e-6)
    return 1.0 + (gain - 1.0) * float(np.clip(share, 0.0, 1.0))


def _corrected(reading: Reading, gain: float, got: float) -> float:
    if not np.isfinite(got) or got < BLIND * reading.low:
        return gain
    middle = 0.25 * reading.high + 0.75 * reading.low
    if reading.low <= got <= reading.high:
        return gain
    aim = min(middle, reading.high) if got < reading.low else reading.high
    return float(np.clip(gain * aim / got, reading.least, reading.most))


def respond(values: NDArray[np.float32], gains: NDArray[np.float32]) -> NDArray[np.float32]:
    """Apply gains to control values: in proportion up to 1, hardly growing beyond.

    Parameters
    ----------
    values, gains : ndarray, shape (52,)

    Returns
    -------
    ndarray, shape (52,), float32
        Monotonic in each value with a continuous slope; 0 stays 0.
    """
    size = np.abs(values)
    past = BEYOND * np.tanh(np.maximum(0.0, size - 1.0) / BEYOND)
    effect = np.sign(values) * (np.minimum(size, 1.0) + past)
    return np.asarray(values + (gains - 1.0) * effect, np.float32)
