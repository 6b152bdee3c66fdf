# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening of the mouth by the loudness of the voice, beside the sounds that it says."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from heat_backend.media import mel
from heat_backend.speech.events import speech_envelope
from heat_backend.speech.inference import AudioFeatures
from heat_backend.speech.network import RATE, STEP
from heat_backend.speech.visemes import CHANNEL

# Set by the correlation of the opening with the energy of recorded voices, see MODEL_CARD.md.
LOUDNESS_GAIN = 1.6
"""Share that the mouth opens wider where the amplitude is twice the mean."""
AMPLITUDE_SMOOTH = 0.03
"""Seconds, standard deviation of the filter over the amplitude that ``LOUDNESS_GAIN`` uses."""
MEAN_SECONDS = 16.0
"""Length of the window in which the mean of a curve is taken."""
GAIN_RANGE = {
    "jawOpen": (0.2, 2.0),
    # Lips stay parted in quiet sounds: teeth show for s, the tongue for th.
    "mouthLowerDown": (0.8, 1.5),
    "mouthUpperUp": (0.8, 1.5),
}
ENVELOPE_SHARE, ENVELOPE_SMOOTH = 0.25, 0.05
"""Share of the opening that follows the voice's envelope alone, whatever is said, and the standard
deviation in seconds of the filter over it. Lips of speakers on video follow it about as well as
they follow the sounds."""
STRESS_SMOOTH = 0.07  # seconds, about half a syllable
LEAST_SPREAD = 0.3  # of the level of speech, log units: steady voices have no stress
LOUDEST = 2.0  # log units above the 95th percentile at which the amplitude is cut

Span = tuple[float, float]


def open_by_loudness(
    channels: NDArray[np.float32], features: AudioFeatures, active: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Open the mouth wider where the voice is loud.

    Parameters
    ----------
    channels : (S, C) float32
        What the network put out, ``RATE`` a second.
    features : AudioFeatures
    active : (S,) bool
        Where somebody speaks.

    Returns
    -------
    (S, C) float32
    """
    amplitude = _amplitude(features, len(active))
    smooth = gaussian_filter1d(amplitude, AMPLITUDE_SMOOTH * RATE)
    gain = 1.0 + LOUDNESS_GAIN * (smooth / _local_mean(smooth, active) - 1.0)
    envelope = gaussian_filter1d(np.sqrt(amplitude), ENVELOPE_SMOOTH * RATE, mode="nearest")
    envelope = envelope / _local_mean(envelope, active)
    out = channels.copy()
    for name, bounds in GAIN_RANGE.items():
        channel = (channels[:, CHANNEL[name]] * np.clip(gain, *bounds)).astype(np.float32)
        follows = _local_mean(channel, active) * envelope
        out[:, CHANNEL[name]] = (1.0 - ENVELOPE_SHARE) * channel + ENVELOPE_SHARE * follows
    return out


def _amplitude(features: AudioFeatures, steps: int) -> NDArray[np.floating]:
    """Amplitude of each step (S,), 1 at the 95th percentile around it."""
    above = (features.levels - features.loud)[: steps * STEP].reshape(-1, STEP).mean(axis=1)
    return np.exp(0.5 * np.minimum(above, LOUDEST))


def _local_mean(curve: NDArray[np.floating], active: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Mean of a curve (S,) while somebody speaks, within ``MEAN_SECONDS`` around each step."""
    around = int(MEAN_SECONDS * RATE) | 1
    share = uniform_filter1d(active.astype(np.float64), around, mode="constant")
    mean = uniform_filter1d(curve * active, around, mode="constant") / np.maximum(share, 1e-6)
    return np.where(share > 1e-4, np.maximum(mean, 1e-6), np.maximum(curve, 1e-6))


def stress(
    features: AudioFeatures, speech: list[Span], time: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the level (T,) against the mean of speech, in standard deviations; 0 in pauses.

    Parameters
    ----------
    features : AudioFeatures
    speech : list of (start, end)
        Seconds in which somebody speaks.
    time : (T,) float
        Seconds of the frames.
    """
    frames = np.arange(len(features.levels)) * (mel.HOP / mel.RATE)
    smooth = gaussian_filter1d(features.levels, STRESS_SMOOTH * mel.RATE / mel.HOP, mode="nearest")
    inside = speech_envelope(speech, frames) > 0.5
    if inside.sum() < 10:
        return np.zeros(len(time))
    spread = max(LEAST_SPREAD, float(smooth[inside].std()))
    out = np.where(inside, (smooth - smooth[inside].mean()) / spread, 0.0)
    return np.interp(time, frames, out)
