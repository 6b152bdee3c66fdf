# SPDX-License-Identifier: GPL-3.0-or-later
"""How far this portrait seems to turn when it is turned, measured on its own frames.

A turned photo keeps the photo's light and shade: on a side-lit or shouting face that reads as
more or less of a turn than it is. At preparation some turns are rendered and tracked, and what
reads wrong is corrected within bounds, smoothly in the angle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from heat_backend.measures.tracked import pose_change

Points = NDArray[np.floating]
# Track a frame turned by (pitch, yaw, roll) radians: landmarks (478, 3), None where there is no
# face or where the engine does not turn that far.
Track = Callable[[NDArray[np.float64]], Points | None]

KNOTS = {0: (-15.0, -8.0, 8.0, 15.0), 1: (-30.0, -20.0, -10.0, 10.0, 20.0, 30.0)}  # degrees
LEAST_GAIN, MOST_GAIN = 0.75, 1.36
NOISE = 1.2  # degrees by which trackings differ from each other and from the turn of all landmarks
SETTLED = 1.8  # degrees of error that are not worth another round
ROUNDS = 3


@dataclass(frozen=True)
class TurnResponse:
    """What to turn by so that a turn asked for is the turn that is seen.

    Attributes
    ----------
    asked, applied : dict of int to ndarray
        Radians, ascending, for axis 0 (pitch) and 1 (yaw); an axis that is absent needs nothing.
    """

    asked: dict[int, NDArray[np.float64]]
    applied: dict[int, NDArray[np.float64]]

    def __post_init__(self) -> None:
        curves = {
            axis: PchipInterpolator(self.asked[axis], self.applied[axis]) for axis in self.asked
        }
        object.__setattr__(self, "_curves", curves)

    def answer(self, rotation: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the rotation (3,) to render for the rotation (3,) asked for, radians.

        Beyond the measured angles the correction stays what it is at the last one.
        """
        turned = np.asarray(rotation, np.float64).copy()
        curves: dict[int, PchipInterpolator] = self._curves  # type: ignore[attr-defined]
        for axis, curve in curves.items():
            inside = float(np.clip(turned[axis], self.asked[axis][0], self.asked[axis][-1]))
            turned[axis] += float(curve(inside)) - inside
        return turned


UNCORRECTED = TurnResponse({}, {})


def measured_turns(track: Track) -> TurnResponse:
    """Measure one portrait.

    Parameters
    ----------
    track : callable
        See ``Track``; it must render what it is given, without any correction.
    """
    still = track(np.zeros(3))
    if still is None:
        return UNCORRECTED
    asked, applied = {}, {}
    for axis, degrees in KNOTS.items():
        knots = np.array(degrees)
        turns = _corrected_turns(track, still, axis, knots)
        middle = len(knots) // 2
        asked[axis] = np.radians(np.insert(knots, middle, 0.0))
        applied[axis] = np.radians(np.insert(turns, middle, 0.0))
    return TurnResponse(asked, applied)


def _corrected_turns(
    track: Track, still: Points, axis: int, knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Degrees to apply for each knot: the least that lets it read right, within the bounds."""
    best, turns = knots.copy(), knots.copy()
    missed = np.full(len(knots), np.inf)
    for _ in range(ROUNDS):
        for i in np.flatnonzero((missed > SETTLED) & np.isfinite(turns)):
            error = _error(track, still, axis, turns[i], knots[i])
            if abs(error) < missed[i]:
                best[i], missed[i] = turns[i], abs(error)
            push = np.sign(error) * max(0.0, abs(error) - NOISE)
            gain = np.clip((turns[i] - push) / knots[i], LEAST_GAIN, MOST_GAIN)
            turns[i] = knots[i] * gain
    return _ascending(_continued(best, knots, np.isfinite(missed)), knots)


def _error(track: Track, still: Points, axis: int, turn: float, wanted: float) -> float:
    """Degrees by which a turn of ``turn`` reads farther than ``wanted``, NaN where it cannot."""
    rotation = np.zeros(3)
    rotation[axis] = np.radians(turn)
    points = track(rotation)
    return float(pose_change(points, still)[axis]) - wanted if points is not None else np.nan


def _continued(
    turns: NDArray[np.float64], knots: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give knots that could not be read the correction of their inner neighbour."""
    turns, known = turns.copy(), known.copy()
    for i in np.argsort(np.abs(knots)):
        inner = [j for j in range(len(knots)) if known[j] and knots[j] * knots[i] > 0]
        if not known[i]:
            nearest = min(inner, key=lambda j: abs(knots[i] - knots[j]), default=None)
            turns[i] = knots[i] + (turns[nearest] - knots[nearest] if nearest is not None else 0.0)
    return turns


def _ascending(turns: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the turn growing by at least half of what is asked for between two knots."""
    out = turns.copy()
    for sign in (1.0, -1.0):
        before, last = 0.0, 0.0
        for i in np.argsort(np.abs(knots)):
            if knots[i] * sign > 0:
                out[i] = sign * max(out[i] * sign, last + 0.5 * (knots[i] * sign - before))
                before, last = knots[i] * sign, out[i] * sign
    return out
