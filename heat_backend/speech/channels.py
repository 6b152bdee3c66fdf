# SPDX-License-Identifier: GPL-3.0-or-later
"""The mouth's channels: which of the 52 coefficients speech moves, both sides of a pair as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_COUNT, EXPRESSION_INDEX

CHANNELS: tuple[str, ...] = (
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthPress",
    "mouthShrugLower",
    "mouthLowerDown",
    "mouthUpperUp",
    "mouthSmile",
    "mouthStretch",
    "tongueOut",
)
"""Names without Left and Right where a pair moves together."""

CHANNEL: dict[str, int] = {name: i for i, name in enumerate(CHANNELS)}
COUNT = len(CHANNELS)

PARTING = tuple(CHANNEL[n] for n in ("mouthLowerDown", "mouthUpperUp", "mouthStretch"))
"""Channels that draw the lips apart and must rest while they are shut."""


def columns(name: str) -> tuple[int, ...]:
    """Return the columns of the 52 that a channel drives."""
    if name in EXPRESSION_INDEX:
        return (EXPRESSION_INDEX[name],)
    return EXPRESSION_INDEX[f"{name}Left"], EXPRESSION_INDEX[f"{name}Right"]


def to_expression(channels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Spread channels over the 52 coefficients.

    Parameters
    ----------
    channels : (T, C) float
        In the order of ``CHANNELS``.

    Returns
    -------
    (T, 52) float32
        Zero where speech moves nothing.
    """
    out = np.zeros((len(channels), EXPRESSION_COUNT), np.float32)
    for i, name in enumerate(CHANNELS):
        for column in columns(name):
            out[:, column] = channels[:, i]
    return out
