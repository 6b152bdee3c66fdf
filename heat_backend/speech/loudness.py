# SPDX-License-Identifier: GPL-3.0-or-later
"""What a voice's loudness does to the mouth, beside the sounds that it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from heat_backend.media import mel
from heat_backend.speech import activity
from heat_backend.speech.listening import AudioFeatures
from heat_backend.speech.network import RATE, STEP
from heat_backend.speech.visemes import CHANNEL

LOUD_OPENS = 1.6
"""How much of the opening follows the voice's loudness: louder syllables are wider ones."""
LOUD_SMOOTH, LOUD_AROUND = 0.03, 16.0
LOUD_RANGE = {
    "jawOpen": (0.2, 2.0),
    # Lips stay parted in quiet sounds: teeth show for s, the tongue for th.
    "mouthLowerDown": (0.8, 1.5),
    "mouthUpperUp": (0.8, 1.5),
}
CARRIED, CARRIED_SMOOTH = 0.25, 0.05
"""Share of the opening that follows the voice's strength by itself, whatever is said, and seconds
over which it does. Lips of speakers on video follow it about as well as they follow the sounds."""

Span = tuple[float, float]


def opened(
    channels: NDArray[np.float32], heard: AudioFeatures, active: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Open a mouth wider where its voice is loud.

    Parameters
    ----------
    channels : (S, C) float32
        What the sounds ask for, ``RATE`` a second.
    heard : AudioFeatures
    active : (S,) bool
        Where somebody speaks.

    Returns
    -------
    (S, C) float32
    """
    wide = channels.copy()
    wider = _by_loudness(heard, active)
    for name, bounds in LOUD_RANGE.items():
        wide[:, CHANNEL[name]] *= np.clip(wider, *bounds)
    return _carried(wide, heard, active)


def _by_loudness(heard: AudioFeatures, active: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Return how much wider than usual each step is (S,), by its amplitude against the mean."""
    amplitude = gaussian_filter1d(_amplitude(heard, len(active)), LOUD_SMOOTH * RATE)
    usual = _usual(amplitude, active)
    return np.asarray(1.0 + LOUD_OPENS * (amplitude / usual - 1.0))


def _carried(
    channels: NDArray[np.float32], heard: AudioFeatures, active: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Let the opening (S, C) follow the voice's strength in part, about its own mean."""
    strength = gaussian_filter1d(
        np.sqrt(_amplitude(heard, len(active))), CARRIED_SMOOTH * RATE, mode="nearest"
    )
    strength = strength / _usual(strength, active)
    out = channels.copy()
    for name in LOUD_RANGE:
        channel = channels[:, CHANNEL[name]]
        carried = _usual(channel, active) * strength
        out[:, CHANNEL[name]] = (1.0 - CARRIED) * channel + CARRIED * carried
    return out


def _amplitude(heard: AudioFeatures, steps: int) -> NDArray[np.floating]:
    """Amplitude of each step (S,), 1 at that of the loudest twentieth around it."""
    above = (heard.levels - heard.loud)[: steps * STEP].reshape(-1, STEP).mean(axis=1)
    return np.exp(0.5 * np.minimum(above, 2.0))


def _usual(curve: NDArray[np.floating], active: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Mean of a curve (S,) while somebody speaks, over some seconds around each step."""
    around = int(LOUD_AROUND * RATE) | 1
    share = uniform_filter1d(active.astype(np.float64), around, mode="constant")
    mean = uniform_filter1d(curve * active, around, mode="constant") / np.maximum(share, 1e-6)
    return np.where(share > 1e-4, np.maximum(mean, 1e-6), np.maximum(curve, 1e-6))


def stress(
    heard: AudioFeatures, speech: list[Span], time: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the smoothed level (T,) against that of the speech, in spreads; 0 in pauses.

    Parameters
    ----------
    heard : AudioFeatures
    speech : list of (start, end)
        Seconds in which somebody speaks.
    time : (T,) float
        Seconds of the frames.
    """
    frames = np.arange(len(heard.levels)) * (mel.HOP / mel.RATE)
    smooth = gaussian_filter1d(heard.levels, 7.0, mode="nearest")
    inside = activity.speech_envelope(speech, frames) > 0.5
    if inside.sum() < 10:
        return np.zeros(len(time))
    spread = max(0.3, float(smooth[inside].std()))
    out = np.where(inside, (smooth - smooth[inside].mean()) / spread, 0.0)
    return np.interp(time, frames, out)
