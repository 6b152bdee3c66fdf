# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice becomes a motion clip: listen, ask the network, and make the mouth keep its promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bridge.coefficients import EXPRESSION_MAX
from bridge.errors import UsageError
from bridge.motion_clip import MAX_FPS, MotionClip
from heat_backend.media import mel
from heat_backend.media.video import check_range
from heat_backend.speech import activity, closures, loudness
from heat_backend.speech.coarticulation import shut_envelope, shut_lips
from heat_backend.speech.idle_motion import add_idle_motion
from heat_backend.speech.listening import (
    NEVER,
    AudioFeatures,
    NetworkOutput,
    Progress,
    answer,
    hear,
)
from heat_backend.speech.network import RATE, STEP, shipped
from heat_backend.speech.visemes import CHANNEL, to_expression

DEFAULT_FPS = 30.0
MAX_STYLE = 3.0
STEP_DELAY = 0.5 * (STEP - 1) * mel.HOP / mel.RATE
"""Second at which the network's first step stands: the middle of its log-mel frames."""
SMOOTH_SECONDS, SMOOTH_FRAMES = 0.014, 0.33
SHUT_RAMP = 0.03
"""Seconds in which the lips meet and part; the network's own curves already come near."""
TONGUE, TONGUE_MOST = 2.2, 0.5
"""The network learns medians and is too shy with the tongue, by the former for l, n and th. At the
latter the tip lies on the lower lip, which is as far as talk takes it."""
DIPS = ((0.14, 24.0), (0.4, 15.0), (0.6, 12.0), (0.9, 8.0))
"""Closed lips make a voice softer than it is around them: a network no surer than the former is
believed where it is by so many decibels, one surer than all of them in any case."""
DIP_AROUND = 12  # log-mel frames
SILENT_NOTE = "nothing that sounds like speech was heard: the mouth stays shut"

Span = tuple[float, float]


@dataclass(frozen=True)
class SpeechStyle:
    """How the motion is to be.

    Attributes
    ----------
    fps : float
    style : float
        Strength of the articulation; 1 is ordinary talk, 0 a mouth that stays shut.
    life : bool
        Add blinks, brows and a slight sway of the head.
    seed : int
        Chance of ``life``.
    """

    fps: float = DEFAULT_FPS
    style: float = 1.0
    life: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1.0 <= self.fps <= MAX_FPS:
            raise UsageError(f"fps {self.fps:g}: give frames a second from 1 to {MAX_FPS:g}")
        if not 0.0 <= self.style <= MAX_STYLE:
            raise UsageError(f"style {self.style:g}: give a strength from 0 to {MAX_STYLE:g}")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: give a whole number from 0 on")


@dataclass(frozen=True, eq=False)
class Speech:
    """The motion, and what it was made from.

    Attributes
    ----------
    clip : MotionClip
    closures : tuple of (start, end)
        Seconds at which the lips are together for p, b, m.
    speaking : tuple of (start, end)
        Seconds in which somebody speaks.
    notes : tuple of str
        What the user should know about the file.
    """

    clip: MotionClip
    closures: tuple[Span, ...]
    speaking: tuple[Span, ...]
    notes: tuple[str, ...]


def _untold(what: str, fraction: float) -> None:
    pass


def motion_from_speech(
    path: str | Path,
    fps: float = DEFAULT_FPS,
    style: float = 1.0,
    life: bool = False,
    seed: int = 0,
    progress: Progress = _untold,
    cancelled: Callable[[], bool] = NEVER,
) -> MotionClip:
    """Make a mouth speak what a sound file, or a video's sound, says.

    Parameters
    ----------
    path : str or Path
        Anything that FFmpeg reads. Of a video, time 0 is its first picture.
    fps : float
        Frames a second of the clip, 23.976 too.
    style, life, seed
        See :class:`SpeechStyle`.
    progress : callable of (what, fraction)
    cancelled : callable
        Asked now and then whether to stop.

    Returns
    -------
    MotionClip
        Neutral in silence. Its memory grows with the length, nothing else much does.

    Raises
    ------
    BadInput
        The file holds no sound that can be read.
    UsageError
        A number is out of its range.
    MissingHere
        The shipped weights are gone.
    Cancelled
    """
    return speak(Path(path), SpeechStyle(fps, style, life, seed), progress, cancelled).clip


def speak(
    path: Path,
    manner: SpeechStyle,
    progress: Progress = _untold,
    cancelled: Callable[[], bool] = NEVER,
    start: float = 0.0,
    end: float | None = None,
) -> Speech:
    """Like :func:`motion_from_speech`, and tells what was found.

    Parameters
    ----------
    start, end : float
        Seconds of the file that are to be heard; the clip begins at the former.
    """
    check_range(start, end)
    network = shipped()
    heard = hear(path, progress, cancelled, start, end)
    said = answer(network, heard, progress, cancelled)
    return perform(heard, said, manner, path.name)


def perform(
    heard: AudioFeatures, said: NetworkOutput, manner: SpeechStyle, source: str | None
) -> Speech:
    """Turn what the network said into motion at the frame rate asked for."""
    seconds = heard.samples / mel.RATE
    time = np.arange(max(1, int(np.ceil(seconds * manner.fps - 1e-6)))) / manner.fps
    speaking, activity_spans = _speaking(heard, said)
    shut = closures.closures(said.shut * speaking, RATE, STEP_DELAY)
    shut = [c for c in shut if _can_be(heard, said, c) and _within(c, activity_spans)]
    shut = closures.on_frames(shut, time)
    wide = loudness.opened(said.channels, heard, speaking)
    wide[:, CHANNEL["tongueOut"]] *= TONGUE
    channels = _on_frames(wide, manner.fps, time) * manner.style
    channels = np.clip(channels, 0.0, EXPRESSION_MAX)
    channels[:, CHANNEL["tongueOut"]] = np.minimum(channels[:, CHANNEL["tongueOut"]], TONGUE_MOST)
    channels = shut_lips(channels, shut_envelope(shut, time, SHUT_RAMP))
    channels *= activity.speech_envelope(activity_spans, time)[:, None]
    expression = to_expression(channels)
    rotation = np.zeros((len(time), 3), np.float32)
    if manner.life:
        stress = loudness.stress(heard, activity_spans, time)
        expression, rotation = add_idle_motion(
            expression, time, activity_spans, stress, manner.seed
        )
    still = np.zeros_like(rotation)
    clip = MotionClip(manner.fps, expression, rotation, still, source=source)
    notes = heard.notes if activity_spans else (*heard.notes, SILENT_NOTE)
    return Speech(clip, tuple(shut), tuple(activity_spans), notes)


def _speaking(heard: AudioFeatures, said: NetworkOutput) -> tuple[NDArray[np.bool_], list[Span]]:
    steps = len(said.speech)
    levels = heard.levels[: steps * STEP].reshape(-1, STEP).max(axis=1)
    loud, quiet = heard.loud[: steps * STEP : STEP], heard.quiet[: steps * STEP : STEP]
    active = activity.speaking(said.speech, levels, loud, quiet)
    return active, activity.spans(active, RATE)


def _within(closure: Span, spans: list[Span], margin: float = 0.1) -> bool:
    return any(a - margin <= closure[0] and closure[1] <= b + margin for a, b in spans)


def _can_be(heard: AudioFeatures, said: NetworkOutput, closure: Span) -> bool:
    """Tell whether lips can be together then: the voice dips, unless the network is certain."""
    steps = slice(max(0, int(closure[0] * RATE) - 1), int(closure[1] * RATE) + 2)
    sure = float(said.shut[steps].max(initial=0.0))
    if sure > DIPS[-1][0]:
        return True
    first, last = (max(0, round(second * mel.RATE / mel.HOP)) for second in closure)
    inside = heard.levels[max(0, first - 1) : last + 1]
    around = heard.levels[max(0, first - DIP_AROUND) : last + 1 + DIP_AROUND]
    if not len(inside):
        return False
    dip = activity.DECIBEL * float(around.max() - inside.min())
    return dip > next(least for below, least in DIPS if sure <= below)


def _on_frames(
    channels: NDArray[np.float32], fps: float, time: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Bring the network's steps to the frames, smoothed by what the frame rate cannot show."""
    seconds = max(SMOOTH_SECONDS, SMOOTH_FRAMES / fps)
    smooth = gaussian_filter1d(channels, seconds * RATE, axis=0, mode="nearest")
    steps = np.arange(len(channels)) / RATE + STEP_DELAY
    return np.stack([np.interp(time, steps, column) for column in smooth.T], axis=1)
