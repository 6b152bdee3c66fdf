# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion clip of one face in a video.

Landmarks are detected in every frame and kept on disk; the subject's identity and neutral face are
estimated from some of them; pose, expression, gaze and lip gap of every frame are fitted; and the
resulting curves are interpolated over gaps, smoothed and measured against the rest pose.
"""

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
from heat_backend.engines.protocol import CancelCheck
from heat_backend.media.video import VideoInfo, check_range, video_frames, video_info
from heat_backend.tracking import curves
from heat_backend.tracking.channels import to_expressions
from heat_backend.tracking.eyes_and_lips import (
    OPEN_LIDS,
    close_touching_lips,
    eye_openness,
    gaze_angles,
    gaze_weights,
    lip_gap,
)
from heat_backend.tracking.follow import FaceFollower
from heat_backend.tracking.landmark_cache import LandmarkCache, landmark_cache_key
from heat_backend.tracking.solve import (
    FrameFit,
    Subject,
    in_head_axes,
    shape_difference,
    solve_frame,
)
from heat_backend.tracking.subject import learn_subject

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Progress = Callable[[str, float], None]

NETWORKS_VERSION = 2  # of the detector's networks: landmarks of others are not gone on from
WARM_UP = 12  # frames detected again when a stopped run is resumed: the detector has a state
SUBJECT_FRAMES = 60  # from which the subject is estimated: more change nothing and take time
DETECTION_SHARE, FIT_SHARE = 0.85, 0.97  # of the progress at the end of these stages
FIRST_ROUNDS, NEXT_ROUNDS = 6, 3  # Gauss-Newton steps after a gap, and from frame to frame
# Bounds on the noise of expressions: those held at 0 show none and yet have it once they move, and
# a mouth that talks throughout is no noise. Tuned on videos of people.
MIN_NOISE, MAX_NOISE = 0.015, 0.02
MAX_EXPRESSION = 1.5  # of a clip: exaggeration by --gain beyond it breaks the mesh
CUT_CHANGE = 0.045  # of the head's size: no face's shape changes so much from a frame to the next
FACE_CENTRE = np.array([0.0, 0.25, 1.1])  # of the landmarks from the pivot, head axes, model units
CALM_SHARE = 8  # an eighth of the frames, the least expressive, decide on the neutral pose
EVEN_TIMES = 0.25  # of a frame's duration by which times may be off an even rate
LISTED = 4  # stretches of frames, or cuts, that a note lists
CANCELLED = "stopped; the same command goes on from here"


@dataclass(frozen=True)
class TrackSettings:
    """What to track and how.

    Attributes
    ----------
    detector : str
        See :func:`heat_backend.detect.detector.make_detector`.
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
        Which pose is no rotation: that of the ``first`` frame, that of the ``neutral`` face (the
        median of the least expressive frames), or straight to the ``camera``.
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
    """A clip, and notes for the user about it."""

    clip: MotionClip
    notes: tuple[str, ...]


def track_video(
    video: Path,
    settings: TrackSettings,
    cache_folder: Path,
    progress: Progress,
    cancelled: CancelCheck,
) -> Tracked:
    """Track one face through a video.

    Parameters
    ----------
    video : path
    settings : TrackSettings
    cache_folder : path
        Where landmarks are kept until the clip is done, so that a stopped run can be resumed. It
        must be the caller's own: anything else in it is deleted.
    progress : callable (what, 0..1)
    cancelled : callable
        Called before each frame; True stops the run.

    Raises
    ------
    UsageError
        The range holds nothing, or a region is unknown.
    BadInput
        It is no video, or shows no face.
    Cancelled
        When ``cancelled()`` became true; the landmarks found so far are kept.
    """
    region_mask(settings.regions or REGIONS)
    check_range(settings.start, settings.end)
    info = video_info(video, settings.start, settings.end)
    key = landmark_cache_key(
        video,
        detector=settings.detector,
        networks=NETWORKS_VERSION,
        face=settings.face,
        start=settings.start,
        end=settings.end,
    )
    cache = LandmarkCache(cache_folder, key)
    try:
        faces = _detect(video, settings, cache, info.frames, progress, cancelled)
        records = cache.read()
        found = records["found"].astype(bool)
        if not found.any():
            raise BadInput(_no_face_message(video.name, settings.face, faces))
        tracked = _track(records, found, info.rate, video.name, settings, progress, cancelled)
        notes = _truncation_notes(records["seconds"], info)
        tracked = replace(tracked, notes=notes + tracked.notes)
    except Cancelled:
        cache.close()
        raise
    except BaseException:
        cache.remove()
        raise
    del records
    cache.remove()
    return tracked


def _detect(
    video: Path,
    settings: TrackSettings,
    cache: LandmarkCache,
    expected: int,
    progress: Progress,
    cancelled: CancelCheck,
) -> int:
    """Detect the landmarks of the frames that the cache lacks; returns the most faces seen."""
    follower: FaceFollower | None = None
    known = len(cache)
    for number, frame in enumerate(video_frames(video, settings.start, settings.end)):
        if cancelled():
            raise Cancelled(CANCELLED)
        if number < known - WARM_UP:
            continue
        # Only once there is a frame: the detector's threads would go on logging after an error.
        follower = follower or FaceFollower(settings.detector, settings.face)
        points = follower.find(frame.pixels)
        if number < known:
            continue
        cache.append(frame.seconds, points)
        share = min(1.0, (number + 1) / max(expected, 1))
        progress("finding the face", DETECTION_SHARE * share)
    return follower.most_seen if follower else 0


def _track(
    records: NDArray[np.void],
    found: Mask,
    rate: float,
    name: str,
    settings: TrackSettings,
    progress: Progress,
    cancelled: CancelCheck,
) -> Tracked:
    """Make the clip from the records (T,) of the cache; those that are ``found`` show a face."""
    at = np.flatnonzero(found)
    spread = np.linspace(0, len(at) - 1, min(SUBJECT_FRAMES, len(at)))
    sampled = at[np.unique(spread.round().astype(int))]
    progress("learning the face", DETECTION_SHARE)
    subject, start = learn_subject(load_model(), np.asarray(records["points"][sampled]))
    fitted = _fit_frames(subject, start, records, found, progress, cancelled)
    known = curves.same_face(fitted.errors, found)
    notes = (*_gap_notes(found, known), *_cut_notes(fitted.change, records["seconds"]))
    progress("smoothing", 0.98)
    rotation, translation = _head_motion(fitted, known, settings)
    clip = MotionClip(
        rate,
        _expression(fitted, known, settings).astype(np.float32),
        rotation.astype(np.float32),
        translation.astype(np.float32),
        confidence=curves.confidence(fitted.errors, known).astype(np.float32),
        source=name,
    )
    return Tracked(_at_even_times(clip, np.asarray(records["seconds"])), notes)


@dataclass(frozen=True)
class _FittedFrames:
    rotation: Array  # (T, 3, 3), from head to camera axes
    translation: Array  # (T, 3), model units
    expression: Array  # (T, 52)
    gaze: Array  # (T, 2), radians
    eyes_open: Mask  # (T,), enough for the gaze to be known
    gap: Array  # (T,), of the inner lips, model units
    lip_openings: Array  # (52,), of the gap by each expression, model units
    change: Array  # (T,), of the shape of the face's rigid part since the frame before
    errors: Array  # (T,), of the landmarks, model units


def _fit_frames(
    subject: Subject,
    start: FrameFit,
    records: NDArray[np.void],
    found: Mask,
    progress: Progress,
    cancelled: CancelCheck,
) -> _FittedFrames:
    count = len(records)
    rotation, translation = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    weights, gaze = np.zeros((count, len(start.weights))), np.zeros((count, 2))
    eyes_open, gap, errors = np.zeros(count, bool), np.full(count, np.nan), np.zeros(count)
    change, last_shape = np.zeros(count), np.zeros((len(subject.rigid), 3))
    fit = start
    for k in np.flatnonzero(found):
        if k % 50 == 0:
            share = DETECTION_SHARE + (FIT_SHARE - DETECTION_SHARE) * k / count
            progress("reading the face", share)
            if cancelled():
                raise Cancelled(CANCELLED)
        points = records["points"][k]
        follows = k and found[k - 1]
        fit = solve_frame(subject, points, fit, NEXT_ROUNDS if follows else FIRST_ROUNDS)
        rotation[k], translation[k], weights[k] = fit.rotation, fit.translation, fit.weights
        errors[k] = fit.error
        gaze[k] = gaze_angles(subject, fit, points)
        eyes_open[k] = eye_openness(fit) > OPEN_LIDS
        gap[k] = lip_gap(subject, fit, points)
        shape = in_head_axes(points[subject.rigid], fit.rotation)
        if follows:
            change[k] = shape_difference(shape, last_shape)
        last_shape = shape
    return _FittedFrames(
        rotation,
        translation,
        to_expressions(weights),
        gaze,
        eyes_open,
        gap,
        subject.lip_openings,
        change,
        errors,
    )


def _expression(fitted: _FittedFrames, known: Mask, settings: TrackSettings) -> Array:
    """Expressions (T, 52), filled and smoothed, with gaze against its median and closed lips."""
    weights = curves.fill_gaps(fitted.expression, known)
    noise = np.clip(curves.noise_level(weights[known]), MIN_NOISE, MAX_NOISE)
    weights = curves.smooth(weights, noise, settings.smooth)
    gap = np.where(known, fitted.gap, np.nan)
    expression = close_touching_lips(weights, fitted.lip_openings, gap)
    gaze_known = known & fitted.eyes_open
    gaze = np.zeros_like(fitted.gaze)
    if gaze_known.any():
        gaze = curves.fill_gaps(fitted.gaze, gaze_known)
        gaze = gaze - np.median(gaze[gaze_known], axis=0)
    expression += gaze_weights(curves.smooth(gaze, curves.noise_level(gaze), settings.smooth))
    expression *= settings.gain * region_mask(settings.regions or REGIONS)
    return np.clip(expression, 0.0, MAX_EXPRESSION) * settings.expression


def _head_motion(
    fitted: _FittedFrames, known: Mask, settings: TrackSettings
) -> tuple[Array, Array]:
    """Rotation angles (T, 3), radians, and translation (T, 3) against the rest pose, smoothed.

    The landmarks lie far from the pivot, so that an error of the rotation is made up for by the
    translation: both are smoothed with the same windows, and the translation as that of the face.
    """
    rest = _rest_frame(fitted, known, settings.rest)
    base, pivot = fitted.rotation[rest], fitted.translation[rest]
    angles = np.array([rotation_angles(rotation @ base.T) for rotation in fitted.rotation])
    of_face = (_rotation_matrices(angles) - np.eye(3)) @ FACE_CENTRE
    pose = np.concatenate([angles, fitted.translation - pivot + of_face], axis=1)
    pose = curves.fill_gaps(pose, known)
    pose = curves.smooth_together(pose, curves.noise_level(pose), settings.smooth)
    rotations = _rotation_matrices(pose[:, :3])
    translation = pose[:, 3:] - (rotations - np.eye(3)) @ FACE_CENTRE
    # The rest pose is taken from the smoothed rotations: that of a single frame is noisy.
    rotations = rotations @ (base if settings.rest == "camera" else rotations[rest].T)
    angles = np.array([rotation_angles(rotation) for rotation in rotations])
    share = float(settings.pose)
    return angles * share, (translation - translation[rest]) * share


def _rotation_matrices(angles: Array) -> Array:
    return np.array([rotation_matrix(one) for one in angles], np.float64)


def _rest_frame(fitted: _FittedFrames, known: Mask, rest: str) -> int:
    """Index of the frame at rest: the first, or of the least expressive the most median pose."""
    at = np.flatnonzero(known)
    if rest != "neutral":
        return int(at[0])
    least = np.argsort(fitted.expression[at].sum(axis=1))[: max(1, len(at) // CALM_SHARE)]
    calm = at[least]
    angles = np.array([rotation_angles(fitted.rotation[k]) for k in calm])
    return int(calm[np.abs(angles - np.median(angles, axis=0)).sum(axis=1).argmin()])


def _at_even_times(clip: MotionClip, seconds: Array) -> MotionClip:
    """Resample a clip whose frames stand at ``seconds`` (T,) to its even rate."""
    even = seconds[0] + np.arange(round((seconds[-1] - seconds[0]) * clip.fps) + 1) / clip.fps
    if len(even) == len(seconds) and np.abs(even - seconds).max() < EVEN_TIMES / clip.fps:
        return clip

    def resampled(values: NDArray[np.float32]) -> NDArray[np.float32]:
        table = values.reshape(len(values), -1)
        columns = [np.interp(even, seconds, column) for column in table.T]
        return np.stack(columns, axis=1).reshape(len(even), *values.shape[1:]).astype(np.float32)

    assert clip.confidence is not None
    return MotionClip(
        clip.fps,
        resampled(clip.expression),
        resampled(clip.rotation),
        resampled(clip.translation),
        confidence=resampled(clip.confidence),
        source=clip.source,
    )


def _no_face_message(name: str, face: int | None, faces: int) -> str:
    if face is not None and 0 < faces < face:
        shown = "only one face" if faces == 1 else f"only {faces} faces at once"
        return f"face {face} asked for, but {name} shows {shown}: choose another --face"
    return f"no face found in {name}: choose a video that shows one face from the front"


def _truncation_notes(seconds: Array, info: VideoInfo) -> tuple[str, ...]:
    """Note that the frames, shown at ``seconds`` (T,), end long before the video should."""
    read = seconds[-1] - seconds[0] + 1.0 / info.rate
    if read >= 0.9 * info.seconds - 2.0 / info.rate:
        return ()
    return (f"the video breaks off: {read:.1f} of about {info.seconds:.1f} seconds could be read",)


def _cut_notes(change: Array, seconds: Array) -> tuple[str, ...]:
    """Note where another person's face may begin."""
    at = np.flatnonzero(change > CUT_CHANGE)
    if not len(at):
        return ()
    listed = ", ".join(f"{seconds[k] - seconds[0]:.2f}" for k in at[:LISTED])
    return (
        f"the video cuts at second {listed}: if another person follows, track each part by itself "
        "with --start and --end",
    )


def _gap_notes(found: Mask, known: Mask) -> tuple[str, ...]:
    """Note the frames that show no face, and those that show another one."""
    notes = []
    missing = curves.runs(~found)
    if missing:
        more = " and more" if len(missing) > LISTED else ""
        frames = int((~found).sum())
        notes.append(f"no face in {frames} frames ({_listed(missing)}{more}): bridged")
    other = curves.runs(found & ~known)
    frames = sum(last - first + 1 for first, last in other)
    if frames > 2:
        notes.append(
            f"{frames} frames show another face or a bad view of it ({_listed(other)}): bridged"
        )
    return tuple(notes)


def _listed(runs: list[tuple[int, int]]) -> str:
    """List the first runs of frames, counted from 1."""
    return ", ".join(f"{first + 1}-{last + 1}" for first, last in runs[:LISTED])
