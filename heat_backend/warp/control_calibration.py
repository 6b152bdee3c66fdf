# SPDX-License-Identifier: GPL-3.0-or-later
"""How strongly a portrait's frames respond to its controls, measured and evened out.

The same offsets read differently on a painting, under flat light or on a face that already
smiles. At preparation some controls and turns are rendered and tracked with the engine's own
detector (a frame costs about 40 ms). Each expression measured gets a bounded gain that brings its
response into the range a control of that name means; turns get a curve by which the head is seen
to turn as far as is asked for.

To measure another control, append a :class:`Trial` to ``TRIALS`` with the expression to render
and, for each group of channels that is to share a gain, a :class:`Reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES, Coefficients
from bridge.edits import IDENTITY_EDITS
from heat_backend.detect.detector import Detector
from heat_backend.engines.protocol import Portrait
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_measures import pose_change

Points = NDArray[np.floating]
FrameTracker = Callable[[Coefficients], Points | None]
"""Landmarks (478, 3) of the frame with some coefficients; None where no face is found."""
ExpressionTracker = Callable[[Mapping[str, float]], Points | None]
"""The same for expressions by name."""
TurnTracker = Callable[[NDArray[np.float64]], Points | None]
"""The same for a rotation (pitch, yaw, roll), radians; None also beyond the turn limit."""

# Bounds of a gain and of what decides about it, tuned on trackings of the test portraits.
LEAST_GAIN, MOST_GAIN = 0.7, 1.6
EXPRESSION_ROUNDS = 2  # corrections after the first frame: each costs another
SETTLED_GAIN = 0.02  # a smaller change of the gain is not worth another frame
BLIND = 0.15  # share of the range's lower end below which the tracker does not see the control
RANGE_AIM = 0.25  # where in the range a weak response is brought: near its lower end
SOFT_LIMIT = 0.25  # by how much a gain's effect may still grow past a weight of 1
KNOTS = {0: (-15.0, -8.0, 8.0, 15.0), 1: (-30.0, -20.0, -10.0, 10.0, 20.0, 30.0)}
"""Angles measured, degrees, for pitch (0) and yaw (1); a tracker reads roll as it is."""
LEAST_TURN_GAIN, MOST_TURN_GAIN = 0.75, 1.36  # of a turn; beyond, rather the tracker is wrong
TURN_NOISE = 1.2  # degrees by which trackings of one turn differ from each other
TURN_SETTLED = 1.8  # degrees of error that are not worth another round
TURN_ROUNDS = 3
LEAST_SLOPE = 0.5  # degrees turned for each degree asked for: so the head never stands still


@dataclass(frozen=True)
class ControlCalibration:
    """What a portrait applies to its controls.

    Attributes
    ----------
    gains : ndarray, shape (52,), float32
        Of the expressions; see :func:`apply_gains`.
    turns : TurnCalibration
    """

    gains: NDArray[np.float32]
    turns: TurnCalibration


def calibrate_controls(
    portrait: TurnLimitedPortrait,
    detector: Detector,
    face: FaceLandmarks,
    corrections: Corrections = ALL_CORRECTIONS,
) -> ControlCalibration:
    """Measure a portrait that applies no calibration yet.

    Parameters
    ----------
    portrait : TurnLimitedPortrait
    detector : Detector
    face : FaceLandmarks
        Where it is in the frame at rest.
    corrections : Corrections
        Of them ``expression_gains`` and ``turn_response``.
    """
    track = frame_tracker(portrait, detector, face)
    gains, turns = UNCALIBRATED.gains, UNCALIBRATED.turns
    if corrections.expression_gains:
        own = by_expression(portrait.landmarks)
        gains = calibrate_expressions(by_expression(track), own=own)
    if corrections.turn_response:
        turns = calibrate_turns(by_rotation(portrait, track))
    return ControlCalibration(gains, turns)


@dataclass(frozen=True)
class Reading:
    """What is measured in one trial's frame for channels that share a gain.

    Attributes
    ----------
    channels : tuple of str
        Expressions that get the gain.
    measure : callable
        ``measure(points, rest)``: response, positive in the control's sense, from landmarks
        (478, 3) of the trial's frame and of the all-zero frame.
    low, high : float
        Range in which the response should fall; inside it the gain is left alone.
    least, most : float
        Bounds of the gain.
    own_most : float
        Response by the portrait's own landmarks up to which a gain above 1 is believed; a weaker
        tracked response is the tracker's fault then.
    """

    channels: tuple[str, ...]
    measure: Callable[[Points, Points], float]
    low: float
    high: float
    least: float = LEAST_GAIN
    most: float = MOST_GAIN
    own_most: float = np.inf


@dataclass(frozen=True)
class Trial:
    """One frame to render, and what is measured in it."""

    expression: Mapping[str, float]
    readings: tuple[Reading, ...]


def _pair(name: str, value: float = 1.0) -> dict[str, float]:
    return {f"{name}Left": value, f"{name}Right": value}


def _wider(points: Points, rest: Points) -> float:
    return landmark_measures.mouth_width(points) / landmark_measures.mouth_width(rest) - 1.0


def _narrower(points: Points, rest: Points) -> float:
    return -_wider(points, rest)


def _opened(points: Points, rest: Points) -> float:
    return landmark_measures.mouth_opening(points) - landmark_measures.mouth_opening(rest)


def _brow_raised(side: str) -> Callable[[Points, Points], float]:
    def measure(points: Points, rest: Points) -> float:
        return (
            landmark_measures.brow_height(points, side) / landmark_measures.brow_height(rest, side)
            - 1.0
        )

    return measure


def _brow_lowered(side: str) -> Callable[[Points, Points], float]:
    raised = _brow_raised(side)
    return lambda points, rest: -raised(points, rest)


def _both_brows_raised(points: Points, rest: Points) -> float:
    return min(_brow_raised(side)(points, rest) for side in landmark_measures.SIDES)


def _brows(name: str) -> tuple[Reading, ...]:
    return tuple(
        Reading((f"{name}{side}",), _brow_lowered(side), 0.10, 0.16, 0.8)
        for side in landmark_measures.SIDES
    )


def _irises_moved(sideways: float) -> Callable[[Points, Points], float]:
    """Least move of both irises to image right (1) or left (-1), eye widths."""

    def measure(points: Points, rest: Points) -> float:
        moved = [
            landmark_measures.gaze(points, side) - landmark_measures.gaze(rest, side)
            for side in landmark_measures.SIDES
        ]
        return float(min(sideways * step[0] for step in moved))

    return measure


def _glance(out: str, into: str, sideways: float) -> Trial:
    """Both eyes to one side; they share the gain, or they would squint."""
    channels = (f"eyeLookOut{out}", f"eyeLookIn{into}")
    reading = Reading(channels, _irises_moved(sideways), 0.16, 0.40, 1.0, 1.3)
    return Trial(dict.fromkeys(channels, 1.0), (reading,))


# Ranges are tuned on trackings of the test portraits. Widths and heights are relative changes,
# openings shares of the eyes' distance, gaze shares of an eye's width.
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
    track: ExpressionTracker,
    trials: tuple[Trial, ...] = TRIALS,
    own: Callable[[Mapping[str, float]], Points] | None = None,
) -> NDArray[np.float32]:
    """Measure the gains of one portrait.

    Parameters
    ----------
    track : ExpressionTracker
    trials : tuple of Trial
    own : callable, optional
        Landmarks (478, 3) for expressions by name, as the portrait itself computes them.

    Returns
    -------
    ndarray, shape (52,), float32
        1 for every channel that no trial covers or whose response cannot be read.
    """
    gains = np.ones(len(EXPRESSION_NAMES), np.float32)
    rest = track({})
    if rest is None:
        return gains
    for trial in trials:
        trial_gains = _trial_gains(track, rest, trial)
        for reading, gain in zip(trial.readings, trial_gains, strict=True):
            if own is not None:
                gain = _within_own(own, trial, reading, gain)
            for name in reading.channels:
                gains[EXPRESSION_INDEX[name]] = gain
    return gains


def _trial_gains(track: ExpressionTracker, rest: Points, trial: Trial) -> list[float]:
    """Gains of one trial's readings: corrected in proportion, those that came nearest are kept."""
    gains = [1.0] * len(trial.readings)
    best = list(gains)
    least_miss = [np.inf] * len(gains)
    for _ in range(EXPRESSION_ROUNDS + 1):
        driven = dict(trial.expression)
        for reading, gain in zip(trial.readings, gains, strict=True):
            driven = _with_gain(driven, reading, gain)
        points = track(driven)
        if points is None:
            return best
        settled = True
        for i, reading in enumerate(trial.readings):
            response = float(reading.measure(points, rest))
            miss = max(0.0, reading.low - response, response - reading.high)
            if np.isfinite(response) and miss < least_miss[i]:
                best[i], least_miss[i] = gains[i], miss
            gains[i] = _corrected(reading, gains[i], response)
            settled = settled and abs(gains[i] - best[i]) < SETTLED_GAIN
        if settled:
            break
    return best


def _with_gain(weights: Mapping[str, float], reading: Reading, gain: float) -> dict[str, float]:
    """Weights with a gain on a reading's channels."""
    return dict(weights) | {k: weights[k] * gain for k in reading.channels if k in weights}


def _within_own(
    own: Callable[[Mapping[str, float]], Points], trial: Trial, reading: Reading, gain: float
) -> float:
    """Lower a gain above 1 to where the portrait's own landmarks go far enough."""
    if gain <= 1.0 or not np.isfinite(reading.own_most):
        return gain
    weights = dict(trial.expression), _with_gain(trial.expression, reading, gain)
    plain, driven = (reading.measure(own(shown), own({})) for shown in weights)
    if driven <= reading.own_most:
        return gain
    share = (reading.own_most - plain) / max(driven - plain, 1e-6)
    return 1.0 + (gain - 1.0) * float(np.clip(share, 0.0, 1.0))


def _corrected(reading: Reading, gain: float, response: float) -> float:
    """Next gain to try, from the response to one."""
    if not np.isfinite(response) or response < BLIND * reading.low:
        return gain
    if reading.low <= response <= reading.high:
        return gain
    middle = RANGE_AIM * reading.high + (1.0 - RANGE_AIM) * reading.low
    aim = min(middle, reading.high) if response < reading.low else reading.high
    return float(np.clip(gain * aim / response, reading.least, reading.most))


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
    past = SOFT_LIMIT * np.tanh(np.maximum(0.0, size - 1.0) / SOFT_LIMIT)
    effect = np.sign(values) * (np.minimum(size, 1.0) + past)
    return np.asarray(values + (gains - 1.0) * effect, np.float32)


@dataclass(frozen=True)
class TurnCalibration:
    """What to turn by so that a turn is seen as far as it is asked for.

    Attributes
    ----------
    wanted, applied : dict of int to ndarray
        Angles at corresponding knots, radians, ascending, for axis 0 (pitch) and 1 (yaw); an axis
        that is absent is turned as it is asked for.
    """

    wanted: dict[int, NDArray[np.float64]]
    applied: dict[int, NDArray[np.float64]]

    @cached_property
    def _curves(self) -> dict[int, PchipInterpolator]:
        """Monotone cubic interpolation between the knots."""
        return {
            axis: PchipInterpolator(wanted, self.applied[axis])
            for axis, wanted in self.wanted.items()
        }

    def rotation_to_apply(self, rotation: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the rotation (3,) to render for the rotation (3,) asked for, radians.

        Beyond the measured angles the correction stays what it is at the last one.
        """
        turned = np.asarray(rotation, np.float64).copy()
        for axis, curve in self._curves.items():
            inside = float(np.clip(turned[axis], self.wanted[axis][0], self.wanted[axis][-1]))
            turned[axis] += float(curve(inside)) - inside
        return turned


UNCALIBRATED = ControlCalibration(
    np.ones(len(EXPRESSION_NAMES), np.float32), TurnCalibration({}, {})
)


def calibrate_turns(track: TurnTracker) -> TurnCalibration:
    """Measure the turns of one portrait; ``track`` must render them without any correction."""
    rest = track(np.zeros(3))
    if rest is None:
        return UNCALIBRATED.turns
    wanted, applied = {}, {}
    for axis, degrees in KNOTS.items():
        knots = np.array(degrees)
        turns = _corrected_turns(track, rest, axis, knots)
        middle = len(knots) // 2
        wanted[axis] = np.radians(np.insert(knots, middle, 0.0))
        applied[axis] = np.radians(np.insert(turns, middle, 0.0))
    return TurnCalibration(wanted, applied)


def _corrected_turns(
    track: TurnTracker, rest: Points, axis: int, knots: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Degrees to apply at each knot: the smallest correction by which it reads right."""
    best, turns = knots.copy(), knots.copy()
    least_error = np.full(len(knots), np.inf)
    for _ in range(TURN_ROUNDS):
        for i in np.flatnonzero((least_error > TURN_SETTLED) & np.isfinite(turns)):
            error = _error(track, rest, axis, turns[i], knots[i])
            if abs(error) < least_error[i]:
                best[i], least_error[i] = turns[i], abs(error)
            push = np.sign(error) * max(0.0, abs(error) - TURN_NOISE)
            gain = np.clip((turns[i] - push) / knots[i], LEAST_TURN_GAIN, MOST_TURN_GAIN)
            turns[i] = knots[i] * gain
    return _ascending(_extrapolated(best, knots, np.isfinite(least_error)), knots)


def _error(track: TurnTracker, rest: Points, axis: int, turn: float, wanted: float) -> float:
    """Degrees by which a turn of ``turn`` reads farther than ``wanted``, NaN where it cannot."""
    rotation = np.zeros(3)
    rotation[axis] = np.radians(turn)
    points = track(rotation)
    return float(pose_change(points, rest)[axis]) - wanted if points is not None else np.nan


def _extrapolated(
    turns: NDArray[np.float64], knots: NDArray[np.float64], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Give knots that could not be measured the correction of their inner neighbour."""
    turns, known = turns.copy(), known.copy()
    for i in np.argsort(np.abs(knots)):
        inner = [j for j in range(len(knots)) if known[j] and knots[j] * knots[i] > 0]
        if not known[i]:
            nearest = min(inner, key=lambda j: abs(knots[i] - knots[j]), default=None)
            turns[i] = knots[i] + (turns[nearest] - knots[nearest] if nearest is not None else 0.0)
    return turns


def _ascending(turns: NDArray[np.float64], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep the turn growing by at least ``LEAST_SLOPE`` of what is asked for between two knots."""
    out = turns.copy()
    for sign in (1.0, -1.0):
        before, last = 0.0, 0.0
        for i in np.argsort(np.abs(knots)):
            if knots[i] * sign > 0:
                out[i] = sign * max(out[i] * sign, last + LEAST_SLOPE * (knots[i] * sign - before))
                before, last = knots[i] * sign, out[i] * sign
    return out


Landmarks = TypeVar("Landmarks")


class TurnLimitedPortrait(Portrait, Protocol):
    """What calibration needs of a portrait besides its frames."""

    def landmarks(self, coefficients: Coefficients) -> NDArray[np.float64]:
        """Landmarks (478, 3) of a frame as the portrait itself computes them, pixels."""
        ...

    def exceeds_turn_limit(self, rotation: NDArray[np.floating]) -> bool:
        """Whether a rotation (3,), radians, is farther than this portrait turns."""
        ...


def frame_tracker(portrait: Portrait, detector: Detector, face: FaceLandmarks) -> FrameTracker:
    """Render and track one face, which stays about where ``face`` is."""
    home = face.points[:468, :2].mean(axis=0)

    def track(shown: Coefficients) -> Points | None:
        frame = portrait.render(shown)
        near = []
        for other in detector.detect(np.ascontiguousarray(frame[..., :3])):
            distance = float(np.hypot(*(other.points[:468, :2].mean(axis=0) - home)))
            if distance < face.outer_eye_distance:
                near.append((distance, other.points))
        return min(near, key=lambda pair: pair[0])[1] if near else None

    return track


def by_expression(
    landmarks: Callable[[Coefficients], Landmarks],
) -> Callable[[Mapping[str, float]], Landmarks]:
    """Landmarks by expressions, from landmarks by coefficients."""
    return lambda expression: landmarks(Coefficients.of(expression=expression))


def by_rotation(portrait: TurnLimitedPortrait, track: FrameTracker) -> TurnTracker:
    """Landmarks by rotation, from landmarks by coefficients."""

    def turned(rotation: NDArray[np.float64]) -> Points | None:
        if portrait.exceeds_turn_limit(rotation):
            return None
        return track(Coefficients.of(rotation=rotation))

    return turned


def by_identity(track: FrameTracker) -> Callable[[NDArray[np.float64]], Points | None]:
    """Landmarks by identity weights (K,), from landmarks by coefficients."""

    def reshaped(identity: NDArray[np.float64]) -> Points | None:
        edits = {edit.name: float(w) for edit, w in zip(IDENTITY_EDITS, identity, strict=True)}
        return track(Coefficients.of(edits=edits))

    return reshaped
