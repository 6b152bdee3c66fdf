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
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES, Coefficients
from bridge.edits import IDENTITY_EDITS
from heat_backend.detect.detector import Detector
from heat_backend.engines.protocol import Portrait
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_measures import pose_change

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
    return landmark_measures.mouth_width(points) / landmark_measures.mouth_width(still) - 1.0


def _narrower(points: Points, still: Points) -> float:
    return -_wider(points, still)


def _opened(points: Points, still: Points) -> float:
    return landmark_measures.mouth_opening(points) - landmark_measures.mouth_opening(still)


def _brow_raised(side: str) -> Callable[[Points, Points], float]:
    def read(points: Points, still: Points) -> float:
        return (
            landmark_measures.brow_height(points, side) / landmark_measures.brow_height(still, side)
            - 1.0
        )

    return read


def _brow_lowered(side: str) -> Callable[[Points, Points], float]:
    raised = _brow_raised(side)
    return lambda points, still: -raised(points, still)


def _both_brows_raised(points: Points, still: Points) -> float:
    return min(_brow_raised(side)(points, still) for side in landmark_measures.SIDES)


def _brows(name: str) -> tuple[Reading, ...]:
    return tuple(
        Reading((f"{name}{side}",), _brow_lowered(side), 0.10, 0.16, 0.8)
        for side in landmark_measures.SIDES
    )


def _looked(sideways: float) -> Callable[[Points, Points], float]:
    """How far both irises went to image right (1) or left (-1): the one that went less."""

    def read(points: Points, still: Points) -> float:
        moved = [
            landmark_measures.gaze(points, side) - landmark_measures.gaze(still, side)
            for side in landmark_measures.SIDES
        ]
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


def calibrate_expressions(
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


def apply_gains(values: NDArray[np.float32], gains: NDArray[np.float32]) -> NDArray[np.float32]:
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


# Track a frame turned by (pitch, yaw, roll) radians: landmarks (478, 3), None where there is no
# face or where the engine does not turn that far.
Track = Callable[[NDArray[np.float64]], Points | None]

KNOTS = {0: (-15.0, -8.0, 8.0, 15.0), 1: (-30.0, -20.0, -10.0, 10.0, 20.0, 30.0)}  # degrees
LEAST_TURN_GAIN, MOST_TURN_GAIN = 0.75, 1.36
NOISE = 1.2  # degrees by which trackings differ from each other and from the turn of all landmarks
SETTLED = 1.8  # degrees of error that are not worth another round
TURN_ROUNDS = 3


@dataclass(frozen=True)
class TurnCalibration:
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


UNCORRECTED = TurnCalibration({}, {})


def calibrate_turns(track: Track) -> TurnCalibration:
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
    return TurnCalibration(asked, applied)


def _corrected_turns(
    track: Track, still: Points, axis: int, knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Degrees to apply for each knot: the least that lets it read right, within the bounds."""
    best, turns = knots.copy(), knots.copy()
    missed = np.full(len(knots), np.inf)
    for _ in range(TURN_ROUNDS):
        for i in np.flatnonzero((missed > SETTLED) & np.isfinite(turns)):
            error = _error(track, still, axis, turns[i], knots[i])
            if abs(error) < missed[i]:
                best[i], missed[i] = turns[i], abs(error)
            push = np.sign(error) * max(0.0, abs(error) - NOISE)
            gain = np.clip((turns[i] - push) / knots[i], LEAST_TURN_GAIN, MOST_TURN_GAIN)
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


Landmarks = TypeVar("Landmarks")


class Turnable(Portrait, Protocol):
    """A portrait that tells how far it turns."""

    def holds(self, rotation: NDArray[np.floating]) -> bool:
        """Whether a turn (3,), radians, is farther than this portrait turns."""
        ...


def tracking(
    portrait: Turnable, detector: Detector, face: FaceLandmarks
) -> Callable[[Coefficients], NDArray[np.floating] | None]:
    """Render and track one face, which stays about where it is in the photo."""
    home = face.points[:468, :2].mean(axis=0)

    def track(shown: Coefficients) -> NDArray[np.floating] | None:
        frame = portrait.render(shown)
        found = detector.detect(np.ascontiguousarray(frame[..., :3]))
        near = [
            (float(np.hypot(*(f.points[:468, :2].mean(axis=0) - home))), f.points) for f in found
        ]
        near = [pair for pair in near if pair[0] < face.outer_eye_distance]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    return track


def expressing(
    landmarks: Callable[[Coefficients], Landmarks],
) -> Callable[[Mapping[str, float]], Landmarks]:
    """Landmarks of the head with expressions by name, and nothing else."""
    return lambda shown: landmarks(Coefficients.of(expression=shown))


def reshaping(
    track: Callable[[Coefficients], NDArray[np.floating] | None],
) -> Callable[[NDArray[np.float64]], NDArray[np.floating] | None]:
    """Track the head with identity weights (K,) added."""

    def reshaped(identity: NDArray[np.float64]) -> NDArray[np.floating] | None:
        edits = {edit.name: float(w) for edit, w in zip(IDENTITY_EDITS, identity, strict=True)}
        return track(Coefficients.of(edits=edits))

    return reshaped


def turning(
    portrait: Turnable, track: Callable[[Coefficients], NDArray[np.floating] | None]
) -> Callable[[NDArray[np.float64]], NDArray[np.floating] | None]:
    """Track the head turned, as far as the engine does turn it."""

    def turned(rotation: NDArray[np.float64]) -> NDArray[np.floating] | None:
        if portrait.holds(rotation):
            return None
        return track(Coefficients.of(rotation=rotation))

    return turned
