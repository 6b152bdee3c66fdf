# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-mel features of 16 kHz audio, and their levelling so that microphones matter less."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RATE = 16000
HOP = 160  # 10 ms
WINDOW = 400  # 25 ms
FFT = 512
BANDS = 40
LOW, HIGH = 60.0, 7600.0
FLOOR = 1e-10

LEVEL_SPAN = 25.0 * np.log(10.0) / 10.0  # loud frames: within 25 dB of the loudest twentieth
SCALE = 2.0
CLIP = (-3.5, 2.5)
REACH_SECONDS = 8  # on either side, for levelling long audio
PRIOR_FRAMES = 60.0  # weight of a flat spectrum against the one measured

Array = NDArray[np.float32]


@lru_cache(maxsize=1)
def _edges() -> NDArray[np.float64]:
    """Hertz at which the bands begin, peak and end (BANDS + 2,)."""
    low, high = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOW, HIGH))
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0))


def centres() -> NDArray[np.float64]:
    """Return the hertz at which each band hears best (BANDS,)."""
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
    """Log-mel of audio that comes in blocks; the same frames as of the whole at once."""

    def __init__(self) -> None:
        self._rest = np.zeros(WINDOW // 2, np.float32)

    def feed(self, block: NDArray[np.floating]) -> Array:
        """Return the frames (n, BANDS) that this block completes."""
        joined = np.concatenate([self._rest, np.asarray(block, np.float32)])
        count = max(0, (len(joined) - WINDOW) // HOP + 1)
        self._rest = joined[count * HOP :]
        return log_mel(joined[: (count - 1) * HOP + WINDOW]) if count else log_mel(joined[:0])

    def end(self) -> Array:
        """Return the last frames."""
        return self.feed(np.zeros(WINDOW // 2, np.float32))


def level(mel: NDArray[np.floating]) -> Array:
    """Return the loudness (T,) of log-mel frames, log of the mean energy of the bands."""
    return np.log(np.exp(mel.astype(np.float32)).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Ground:
    """What a stretch of audio is measured against.

    Attributes
    ----------
    bands : (BANDS,) float32
        Mean log-mel of its loud frames.
    loud : float
        Level of its loudest twentieth.
    quiet : float
        Level of its quietest tenth.
    """

    bands: Array
    loud: float
    quiet: float


def ground(mel: NDArray[np.floating], levels: NDArray[np.floating]) -> Ground:
    """Measure the usual spectrum of one stretch.

    Parameters
    ----------
    mel : (T, BANDS) float
        At least one frame.
    levels : (T,) float
        From :func:`level`.
    """
    loud = float(np.percentile(levels, 95))
    chosen = mel[levels > loud - LEVEL_SPAN].astype(np.float32)
    mean = chosen.mean(axis=0)
    share = len(chosen) / (len(chosen) + PRIOR_FRAMES)
    bands = share * mean + (1.0 - share) * mean.mean()
    return Ground(bands.astype(np.float32), loud, float(np.percentile(levels, 10)))


def levelled(mel: NDArray[np.floating], bands: NDArray[np.floating]) -> Array:
    """Return what the network hears: log-mel (T, BANDS) against the usual spectrum."""
    return np.clip((mel.astype(np.float32) - bands) / SCALE, *CLIP)
