# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-mel spectrogram of 16 kHz audio, and its normalisation against the channel's spectrum.

The mel scale is 2595 log10(1 + f / 700) (O'Shaughnessy, Speech Communication, 1987). Subtracting
the mean spectrum of the loud frames takes away what microphones and rooms do (as cepstral mean
subtraction does: Atal 1974).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# The usual front end of speech recognition: 25 ms windows every 10 ms, 40 bands.
RATE = 16000  # samples a second
HOP = 160  # samples, 10 ms
WINDOW = 400  # samples, 25 ms
FFT = 512  # the power of two above WINDOW
BANDS = 40
LOW, HIGH = 60.0, 7600.0  # Hz, ends of the lowest and the highest band; 8000 is Nyquist
FLOOR = 1e-10  # energy added before the logarithm: digital silence stays finite

# The constants of the normalisation are those that the shipped network was trained with.
LOUD_RANGE = 25.0 * np.log(10.0) / 10.0  # loud frames: within 25 dB of the 95th percentile
SCALE = 2.0  # log units that become 1
CLIP = (-3.5, 2.5)  # after scaling
REFERENCE_SECONDS = 8  # on either side of a second, from which long audio's reference is taken
PRIOR_FRAMES = 60.0  # weight of a flat spectrum against the measured one, in frames

Array = NDArray[np.float32]


@lru_cache(maxsize=1)
def _edges() -> NDArray[np.float64]:
    """Band edges in Hz, shape (BANDS + 2,): band i rises from i, peaks at i + 1, ends at i + 2."""
    low, high = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOW, HIGH))
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0))


def centres() -> NDArray[np.float64]:
    """Return the centre frequency of each band in Hz, shape (BANDS,)."""
    return _edges()[1:-1]


@lru_cache(maxsize=1)
def _filters() -> tuple[Array, Array]:
    """Hann window (WINDOW,) and triangular mel filters (FFT/2+1, BANDS)."""
    edges = _edges()
    bins = np.fft.rfftfreq(FFT, 1.0 / RATE)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rise, fall))
    weights /= weights.sum(axis=0)
    return np.hanning(WINDOW + 1)[:-1].astype(np.float32), weights.astype(np.float32)


def log_mel(samples: NDArray[np.floating]) -> Array:
    """Return log-mel energies (N // HOP, BANDS) of frames that begin at multiples of ``HOP``.

    Parameters
    ----------
    samples : (N + WINDOW - HOP,) float
        16 kHz; give ``padded`` audio for frames centred on multiples of ``HOP``.
    """
    if len(samples) < WINDOW:
        return np.zeros((0, BANDS), np.float32)
    window, weights = _filters()
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * window, FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.log(power @ weights + FLOOR)


def padded(samples: NDArray[np.floating]) -> Array:
    """Put half a window before and after, so that frame i is centred on i * HOP."""
    half = WINDOW // 2
    return np.pad(np.asarray(samples, np.float32), (half, half))


class MelStream:
    """Log-mel energies of audio that comes in blocks: the frames of ``log_mel(padded(whole))``."""

    def __init__(self) -> None:
        self._rest = np.zeros(WINDOW // 2, np.float32)

    def feed(self, block: NDArray[np.floating]) -> Array:
        """Return the frames (n, BANDS) that this block (N,) completes."""
        joined = np.concatenate([self._rest, np.asarray(block, np.float32)])
        count = max(0, (len(joined) - WINDOW) // HOP + 1)
        self._rest = joined[count * HOP :]
        return log_mel(joined[: (count - 1) * HOP + WINDOW]) if count else log_mel(joined[:0])

    def end(self) -> Array:
        """Return the last frames, whose windows reach beyond the end."""
        return self.feed(np.zeros(WINDOW // 2, np.float32))


def level(mel: NDArray[np.floating]) -> Array:
    """Return the level (T,) of log-mel frames (T, BANDS): log of the mean energy of the bands."""
    return np.log(np.exp(mel.astype(np.float32)).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Reference:
    """Spectrum and levels that a stretch of audio is normalised against.

    Attributes
    ----------
    bands : (BANDS,) float32
        Mean log-mel energies of its loud frames.
    loud : float
        95th percentile of its levels.
    quiet : float
        10th percentile of its levels.
    """

    bands: Array
    loud: float
    quiet: float


def measure_reference(mel: NDArray[np.floating], levels: NDArray[np.floating]) -> Reference:
    """Measure the reference of one stretch.

    Parameters
    ----------
    mel : (T, BANDS) float
        At least one frame.
    levels : (T,) float
        From :func:`level`.
    """
    loud = float(np.percentile(levels, 95))
    chosen = mel[levels > loud - LOUD_RANGE].astype(np.float32)
    mean = chosen.mean(axis=0)
    share = len(chosen) / (len(chosen) + PRIOR_FRAMES)
    bands = share * mean + (1.0 - share) * mean.mean()
    return Reference(bands.astype(np.float32), loud, float(np.percentile(levels, 10)))


def normalised(mel: NDArray[np.floating], bands: NDArray[np.floating]) -> Array:
    """Return the network's input (T, BANDS), within ``CLIP``.

    Parameters
    ----------
    mel : (T, BANDS) float
    bands : (BANDS,) or (T, BANDS) float
        Of the reference.
    """
    return np.clip((mel.astype(np.float32) - bands) / SCALE, *CLIP)
