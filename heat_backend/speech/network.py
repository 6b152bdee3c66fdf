# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped network: normalised log-mel energies to a mouth, closures and speech.

Its layers are described where it learns, in ``tools.speech_training.network``. Its time step is
20 ms: two log-mel frames make one step.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from heat_backend.inference.network import Network
from heat_backend.media import mel

STEP = 2
"""Log-mel frames a step."""
RATE = mel.RATE / mel.HOP / STEP
"""Steps a second."""

LOG_MEL = "log_mel"
"""The input, (B, T, BANDS) float32: see :func:`heat_backend.media.mel.normalised`; T even."""
CHANNELS, CLOSURE, SPEECH = "channels", "closure", "speech"
"""The outputs, (B, T/2, C), (B, T/2) and (B, T/2) float32; the last two are probabilities."""
KIND = "kind"
"""Of use while learning only: (B, T/2, classes) logits of :data:`visemes.CLASSES`."""

SHIPPED = Path(__file__).with_name("speech_net.onnx")


def load(path: Path = SHIPPED) -> Network:
    """Open a network that ``tools.speech_training`` wrote.

    It runs on one thread: the LSTM's steps are too small to share among several.

    Raises
    ------
    bridge.errors.MissingHere
        The file is not there or damaged, or onnxruntime does not load.
    """
    return Network(path, threads=1)


@lru_cache(maxsize=1)
def shipped() -> Network:
    """Return the shipped network, read once."""
    return load()
