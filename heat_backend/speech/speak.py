# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion clip of a speaking mouth from a sound file: features, network, and rules on its output.

The network puts out channels of the mouth and probabilities of speech and of closed lips. Rules
then open the mouth by the voice's loudness, close the lips wholly for p, b and m, and bring the
mouth to rest where nobody speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from bridge.coefficients import EXPRESSION_MAX
from bridge.errors import UsageError
from bridge.motion_clip import MAX_FPS, MotionClip
from heat_backend.engines.protocol import CancelCheck, never
from heat_backend.media import mel
from heat_backend.media.video import check_range
from heat_backend.speech import events
from heat_backend.speech.coarticulation import closure_envelope, hold_lips_closed
from heat_backend.speech.idle_motion import add_idle_motion
from heat_backend.speech.inference import (
    AudioFeatures,
    NetworkOutput,
    Progress,
    extract_features,
    run_network,
)
from heat_backend.speech.loudness import open_by_loudness, stress
from heat_backend.speech.network import RATE, shipped
from heat_backend.speech.visemes import CHANNEL, to_expression

DEFAULT_FPS = 30.0
MAX_STRENGTH = 3.0
"""Beyond it the channels only saturate."""
SMOOTH_SECONDS, SMOOTH_FRAMES = 0.014, 0.33
"""Standard deviation of the filter over the network's output: the former, or the latter share of a
frame where that is longer, against aliasing at low frame rates."""
CLOSURE_RAMP = 0.03
"""Seconds in which the lips meet and part; the network's own curves already come near."""
TONGUE_GAIN, TONGUE_MAX = 2.2, 0.5
"""An L1 loss learns medians: for l, n and th the tongue comes out too small by the former. At the
latter the tip lies on the lower lip, as far as speech takes it."""
SILENT_NOTE = "nothing that sounds like speech was heard: the mouth stays shut"


@dataclass(frozen=True)
class SpeechStyle:
    """How to speak.

    Attributes
    ----------
    fps : float
    strength : float
        Of the articulation, 0 to 3: 1 is ordinary talk, 0 a mouth that stays shut.
    idle_motion : bool
        Add blinks, brows and a slight sway of the head.
    seed : int
        Of the random numbers of the idle motion, from 0 on.

    Raises
    ------
    UsageError
        A number is out of its range.
    """

    fps: float = DEFAULT_FPS
    strength: float = 1.0
    idle_motion: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1.0 <= self.fps <= MAX_FPS:
            raise UsageError(f"fps {self.fps:g}: give frames a second from 1 to {MAX_FPS:g}")
        if not 0.0 <= self.strength <= MAX_STRENGTH:
            raise UsageError(f"style {self.strength:g}: give a strength from 0 to {MAX_STRENGTH:g}")
        if self.seed < 0:
            raise UsageError(f"seed {self.seed}: give a whole number from 0 on")


@dataclass(frozen=True, eq=False)
class Speech:
    """The motion of a voice, and what was detected in it.

    Attributes
    ----------
    clip : MotionClip
    closures : tuple of (start, end)
        Seconds at which the lips are together for p, b, m.
    speech : tuple of (start, end)
        Seconds in which somebody speaks.
    notes : tuple of str
        What the user should know about the file.
    """

    clip: MotionClip
    closures: tuple[events.Span, ...]
    speech: tuple[events.Span, ...]
    notes: tuple[str, ...]


def no_progress(what: str, fraction: float) -> None:
    """Report no progress."""


DEFAULT_STYLE = SpeechStyle()


def speak(
    path: Path,
    style: SpeechStyle = DEFAULT_STYLE,
    progress: Progress = no_progress,
    cancelled: CancelCheck = never,
    start: float = 0.0,
    end: float | None = None,
) -> Speech:
    """Make the motion of a mouth that speaks what a sound file, or a video's sound, says.

    Parameters
    ----------
    path : Path
        Anything that FFmpeg reads. Of a video, second 0 is its first picture.
    style : SpeechStyle
    progress : callable of (what, fraction)
    cancelled : callable
        Called now and then; True stops the run.
    start, end : float
        Seconds of the file to read; the clip begins at ``start``.

    Returns
    -------
    Speech
        Neutral in silence.

    Raises
    ------
    BadInput
        The file holds no sound that can be read.
    UsageError
        The range holds nothing.
    MissingHere
        The shipped weights are gone.
    Cancelled
    """
    check_range(start, end)
    network = shipped()
    features = extract_features(path, progress, cancelled, start, end)
    output = run_network(network, features, progress, cancelled)
    return motion_from_output(features, output, style, path.name)


def motion_from_output(
    features: AudioFeatures, output: NetworkOutput, style: SpeechStyle, source: str | None
) -> Speech:
    """Turn the network's output into motion at the style's frame rate."""
    seconds = features.samples / mel.RATE
    time = np.arange(max(1, int(np.ceil(seconds * style.fps - 1e-6)))) / style.fps
    active = events.detect_speech(features, output)
    speech = events.speech_spans(active)
    closures = events.on_frames(events.detect_closures(features, output, active, speech), time)
    channels = open_by_loudness(output.channels, features, active)
    channels[:, CHANNEL["tongueOut"]] *= TONGUE_GAIN
    frames = np.clip(_on_frames(channels, style.fps, time) * style.strength, 0.0, EXPRESSION_MAX)
    frames[:, CHANNEL["tongueOut"]] = np.minimum(frames[:, CHANNEL["tongueOut"]], TONGUE_MAX)
    frames = hold_lips_closed(frames, closure_envelope(closures, time, CLOSURE_RAMP))
    frames *= events.speech_envelope(speech, time)[:, None]
    expression = to_expression(frames)
    rotation = np.zeros((len(time), 3), np.float32)
    if style.idle_motion:
        expression, rotation = add_idle_motion(
            expression, time, speech, stress(features, speech, time), style.seed
        )
    clip = MotionClip(style.fps, expression, rotation, np.zeros_like(rotation), source=source)
    notes = features.notes if speech else (*features.notes, SILENT_NOTE)
    return Speech(clip, tuple(closures), tuple(speech), notes)


def _on_frames(
    channels: NDArray[np.float32], fps: float, time: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Resample channels (S, C) to the times of the frames (T, C), smoothed against aliasing."""
    seconds = max(SMOOTH_SECONDS, SMOOTH_FRAMES / fps)
    smooth = gaussian_filter1d(channels, seconds * RATE, axis=0, mode="nearest")
    steps = np.arange(len(channels)) / RATE + events.STEP_DELAY
    return np.stack([np.interp(time, steps, column) for column in smooth.T], axis=1)
