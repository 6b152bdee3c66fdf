# SPDX-License-Identifier: GPL-3.0-or-later
"""A video becomes a motion clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, Cancelled
from bridge.face_model import load as load_model
from bridge.motion_clip import MotionClip
from bridge.pose import rotation_angles, rotation_matrix
from bridge.regions import REGIONS, region_mask
from heat_backend.media.video import VideoInfo, check_range, video_frames, video_info
from heat_backend.tracking import gaps
from heat_backend.tracking.eyes_and_lips import SHUT, gaze_of, gaze_weights, read_gap, touching
from heat_backend.tracking.follow import FaceFollower
from heat_backend.tracking.landmark_cache import LandmarkCache, landmark_cache_key
from heat_backend.tracking.person import learn_person, lids_open, weights_of_52
from heat_backend.tracking.smoothing import noise_level, smooth, smooth_together
from heat_backend.tracking.solve import FrameFit, Person, in_head_axes, solve_frame, unlike

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]
WARM_UP = 12  # frames looked at again when a stopped run goes on: the finder has a memory
SAMPLED = 60  # frames from which the person is learnt
LOOKING = 0.85  # share of the progress that finding landmarks takes
# Of expressions. Those held at 0 show none and have it once they move; and a mouth that talks
# throughout is no noise.
LEAST_NOISE, MOST_NOISE = 0.015, 0.02
CUT = 0.045  # of the head's size: what no face's shape changes by from one frame to the next
FACE_CENTRE = np.array([0.0, 0.25, 1.1])  # of the landmarks, from the pivot, head axes


@dataclass(frozen=True)
class TrackSettings:
    """What to track and how.

    Attributes
    ----------
    detector : str
    face : int or None
        Which face, 1 is the largest.
    start, end : float
        Seconds.
    expression, pose : bool
        Which of the two the clip gets.
    regions : tuple of str
        Only these regions' expressions; empty for all.
    smooth : float
        Strength of the smoothing, 0 for none, 1 usual.
    gain : float
        Factor on all expressions.
    rest : str
        Which pose counts as no turn: that of the ``first`` frame, that of the ``neutral`` face
        (the median of the calm frames), or straight to the ``camera``.
    """

    detector: str = "mediapipe"
    face: int | None = None
    start: float = 0.0
    end: float | None = None
    expression: bool = True
    pose: bool = True
    regions: tuple[str, ...] = ()
    smooth: float = 1.0
    gain: float = 1.0
    rest: str = "first"


@dataclass(frozen=True)
class Tracked:
    """A clip and what a user should know about it."""

    clip: MotionClip
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Curves:
    rotation: Array  # (T, 3, 3)
    translation: Array  # (T, 3)
    expression: Array  # (T, 52)
    gaze: Array  # (T, 2)
    looking: NDArray[np.bool_]  # (T,), eyes open enough to tell
    gap: Array  # (T,), of the inner lips, model units
    change: Array  # (T,), of the shape of the face's still parts since the frame before
    opens: Array  # (52,), of the gap by each expression, model units
    errors: Array  # (T,)


def track_video(
    video: Path, settings: TrackSettings, cache_folder: Path, progress: Progress,
    cancelled: Callable[[], bool],
) -> Tracked:  # fmt: skip
    """Track one face through a video.

    Parameters
    ----------
    video : path
    settings : TrackSettings
    cache_folder : path
        Where landmarks are kept until the clip is done; a stopped run goes on from there. It is
        to be the caller's own: what else is in it goes.
    progress : callable (what, 0..1)
    cancelled : callable
        Asked before each frame.

    Raises
    ------
    UsageError
        A range or a region that is none.
    BadInput
        No video, or no face in it.
    Cancelled
        When ``cancelled()`` became true; the landmarks found are kept.
    """
    region_mask(settings.regions or REGIONS)
    check_range(settings.start, settings.end)
    facts = video_info(video, settings.start, settings.end)
    key = landmark_cache_key(
        video,
        detector=settings.detector,
        face=settings.face,
        start=settings.start,
        end=settings.end,
    )
    cache = LandmarkCache(cache_folder, key)
    try:
        most = _look(video, settings, cache, facts.frames, progress, cancelled)
        records = cache.read()
        found = records["found"].astype(bool)
        if not found.any():
            raise BadInput(_unseen(video.name, settings.face, most))
        tracked = _clip_of(records, found, facts.rate, video.name, settings, progress, cancelled)
        tracked = replace(tracked, notes=_cut_off(records["seconds"], facts) + tracked.notes)
    except Cancelled:
        cache.close()
        raise
    except BaseException:
        cache.remove()
        raise
    del records
    cache.remove()
    return tracked


def _look(
    video: Path, settings: TrackSettings, cache: LandmarkCache, expected: int, progress: Progress,
    cancelled: Callable[[], bool],
) -> int:  # fmt: skip
    """Find the landmarks of the frames that the cache does not hold yet; returns the most faces."""
    follower: FaceFollower | None = None
    known = len(cache)
    for number, frame in enumerate(video_frames(video, settings.start, settings.end)):
        if cancelled():
            raise Cancelled("stopped; the same command goes on from here")
        if number < known - WARM_UP:
            continue
        # Not before there is a frame: its threads would still be talking after a refusal.
        follower = follower or FaceFollower(settings.detector, settings.face)
        points = follower.find(frame.pixels)
        if number < known:
            continue
        cache.append(frame.seconds, points)
        share = min(1.0, (number + 1) / max(expected, 1))
        progress("finding the face", LOOKING * share)
    return follower.most_seen if follower else 0


def _unseen(name: str, face: int | None, most: int) -> str:
    if face is not None and 0 < most < face:
        shown = "only one face" if most == 1 else f"only {most} faces at once"
        return f"face {face} asked for, but {name} shows {shown}: choose another --face"
    return f"no face found in {name}: choose a video that shows one face from the front"


def _clip_of(
    records: NDArray[np.void], found: NDArray[np.bool_], rate: float, name: str,
    settings: TrackSettings, progress: Progress, cancelled: Callable[[], bool],
) -> Tracked:  # fmt: skip
    model = load_model()
    at = np.flatnonzero(found)
    sampled = at[np.unique(np.linspace(0, len(at) - 1, min(SAMPLED, len(at))).round().astype(int))]
    progress("learning the face", LOOKING)
    person, start = learn_person(model, np.asarray(records["points"][sampled]))
    curves = _read_frames(person, start, records, found, progress, cancelled)
    own = gaps.same_person(curves.errors, found)
    notes = (*_notes(found, own), *_cuts(curves.change, records["seconds"]))
    progress("smoothing", 0.98)
    expression, rotation, translation = _cleaned(curves, own, settings)
    clip = MotionClip(
        rate,
        expression.astype(np.float32),
        rotation.astype(np.float32),
        translation.astype(np.float32),
        confidence=gaps.confidence(curves.errors, own).astype(np.float32),
        source=name,
    )
    return Tracked(_evenly(clip, np.asarray(records["seconds"])), notes)


def _read_frames(
    person: Person, start: FrameFit, records: NDArray[np.void], found: NDArray[np.bool_],
    progress: Progress, cancelled: Callable[[], bool],
) -> _Curves:  # fmt: skip
    count = len(records)
    rotation, translation = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    weights, gaze = np.zeros((count, len(start.weights))), np.zeros((count, 2))
    looking, gap, errors = np.zeros(count, bool), np.full(count, np.nan), np.zeros(count)
    change, before = np.zeros(count), np.zeros((len(person.still), 3))
    fit = start
    for k in np.flatnonzero(found):
        if k % 50 == 0:
            progress("reading the face", LOOKING + (0.97 - LOOKING) * k / count)
            if cancelled():
                raise Cancelled("stopped; the same command goes on from here")
        points = records["points"][k]
        rounds = 3 if k and found[k - 1] else 6
        fit = solve_frame(person, points, fit, rounds)
        rotation[k], translation[k], weights[k] = fit.rotation, fit.translation, fit.weights
        errors[k] = fit.error
        gaze[k] = gaze_of(person, fit, points)
        looking[k] = lids_open(fit) > SHUT
        gap[k] = read_gap(person, fit, points)
        shape = in_head_axes(points[person.still], fit.rotation)
        if k and found[k - 1]:
            change[k] = unlike(shape, before)
        before = shape
    return _Curves(
        rotation,
        translation,
        weights_of_52(weights),
        gaze,
        looking,
        gap,
        change,
        person.opens,
        errors,
    )


def _cleaned(
    curves: _Curves, own: NDArray[np.bool_], settings: TrackSettings
) -> tuple[Array, Array, Array]:
    """Expression (T, 52), rotation (T, 3), translation (T, 3), bridged, smoothed, against rest."""
    looking = own & curves.looking
    gaze = gaps.bridged(curves.gaze, looking) if looking.any() else curves.gaze * 0.0
    gaze = gaze - np.median(gaze[looking], axis=0) if looking.any() else gaze

    def clean(values: Array) -> Array:
        whole = gaps.bridged(values, own)
        noise = np.clip(noise_level(whole[own]), LEAST_NOISE, MOST_NOISE)
        return smooth(whole, noise, settings.smooth)

    expression = touching(clean(curves.expression), curves.opens, np.where(own, curves.gap, np.nan))
    expression += gaze_weights(smooth(gaze, noise_level(gaze), settings.smooth))
    expression *= settings.gain * region_mask(settings.regions or REGIONS)
    expression = np.clip(expression, 0.0, 1.5) * settings.expression
    angles, moved = _head(curves, own, settings)
    return expression, angles * settings.pose, moved * settings.pose


def _head(curves: _Curves, own: NDArray[np.bool_], settings: TrackSettings) -> tuple[Array, Array]:
    """Read turns (T, 3), radians, and shifts (T, 3) of the head against its rest, smoothed as one.

    Its landmarks lie far from the pivot: a turn read too far is made up for by the shift, and
    the two must stay in step.
    """
    rest = _rest_frame(curves, own, settings.rest)
    base, pivot = curves.rotation[rest], curves.translation[rest]
    angles = np.array([rotation_angles(turn @ base.T) for turn in curves.rotation])
    face = curves.translation - pivot + (_turns(angles) - np.eye(3)) @ FACE_CENTRE
    both = gaps.bridged(np.concatenate([angles, face], axis=1), own)
    both = smooth_together(both, noise_level(both), settings.smooth)
    turns = _turns(both[:, :3])
    moved = both[:, 3:] - (turns - np.eye(3)) @ FACE_CENTRE
    # One frame's reading is as noisy as any: what rests is the smoothed head.
    turns = turns @ (base if settings.rest == "camera" else turns[rest].T)
    return np.array([rotation_angles(turn) for turn in turns]), moved - moved[rest]


def _turns(angles: Array) -> Array:
    return np.array([rotation_matrix(one) for one in angles], np.float64)


def _rest_frame(curves: _Curves, own: NDArray[np.bool_], rest: str) -> int:
    """Which frame shows the head at rest: the first, or for ``neutral`` the middle of the calm."""
    at = np.flatnonzero(own)
    if rest != "neutral":
        return int(at[0])
    calm = at[np.argsort(curves.expression[at].sum(axis=1))[: max(1, len(at) // 8)]]
    angles = np.array([rotation_angles(curves.rotation[k]) for k in calm])
    return int(calm[np.abs(angles - np.median(angles, axis=0)).sum(axis=1).argmin()])


def _evenly(clip: MotionClip, seconds: Array) -> MotionClip:
    """Bring frames of uneven length to the clip's even rate."""
    even = seconds[0] + np.arange(round((seconds[-1] - seconds[0]) * clip.fps) + 1) / clip.fps
    if len(even) == len(seconds) and np.abs(even - seconds).max() < 0.25 / clip.fps:
        return clip

    def at(values: NDArray[np.float32]) -> NDArray[np.float32]:
        table = values.reshape(len(values), -1)
        columns = [np.interp(even, seconds, column) for column in table.T]
        return np.stack(columns, axis=1).reshape(len(even), *values.shape[1:]).astype(np.float32)

    assert clip.confidence is not None
    return MotionClip(
        clip.fps, at(clip.expression), at(clip.rotation), at(clip.translation),
        confidence=at(clip.confidence), source=clip.source,
    )  # fmt: skip


def _cut_off(seconds: Array, facts: VideoInfo) -> tuple[str, ...]:
    """Tell that the frames, shown at ``seconds`` (T,), end long before the video should."""
    read = seconds[-1] - seconds[0] + 1.0 / facts.rate
    if read >= 0.9 * facts.seconds - 2.0 / facts.rate:
        return ()
    return (f"the video breaks off: {read:.1f} of about {facts.seconds:.1f} seconds could be read",)


def _cuts(change: Array, seconds: Array) -> tuple[str, ...]:
    """Tell where another person's face may begin."""
    at = np.flatnonzero(change > CUT)
    if not len(at):
        return ()
    told = ", ".join(f"{seconds[k] - seconds[0]:.2f}" for k in at[:4])
    return (
        f"the video cuts at second {told}: if another person follows, track each part by itself "
        "with --start and --end",
    )


def _notes(found: NDArray[np.bool_], own: NDArray[np.bool_]) -> tuple[str, ...]:
    notes = []
    missing = gaps.stretches(~found)
    if missing:
        told = ", ".join(f"{a + 1}-{b + 1}" for a, b in missing[:4])
        more = " and more" if len(missing) > 4 else ""
        notes.append(f"no face in {int((~found).sum())} frames ({told}{more}): bridged")
    other = gaps.stretches(found & ~own)
    others = sum(b - a + 1 for a, b in other)
    if others > 2:
        told = ", ".join(f"{a + 1}-{b + 1}" for a, b in other[:4])
        notes.append(f"{others} frames show another face or a bad view of it ({told}): bridged")
    return tuple(notes)
