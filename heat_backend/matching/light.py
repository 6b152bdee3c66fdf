# SPDX-License-Identifier: GPL-3.0-or-later
"""The light edits that make a portrait's light like a sample picture's.

Only how light lies on the face is compared, not how much there is: a picture does not tell dark
skin from little light.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from bridge.edits import LIGHT_EDITS
from heat_backend.edits.light import GAMMA, MOST_CHANGE, Floats, Light

Array = NDArray[np.float64]
POINTS = 500  # normals compared: more changes nothing but the time
FEW = 20  # normals below which nothing is matched
TURNS = (-70.0, -35.0, 0.0, 35.0, 70.0)  # degrees to start from
AMOUNTS = (-0.4, 0.8)  # of light_amount to start from: dimmed, and strengthened
BEST = 3  # starts followed to their end
EASE = 0.03  # cost of an edit at the end of its range: what changes nothing stays 0
SMALLEST = 0.02  # of the range: a smaller edit is not seen
WORTH = 0.98  # of the distance before: a match that leaves more changes nothing to be seen


@dataclass(frozen=True)
class LightMatch:
    """What was found.

    Attributes
    ----------
    edits : dict of str to float
        Within their ranges; what stays 0 is left out.
    before, after : float
        How far the shading lies apart: root mean square of gamma-coded light, of its mean.
    """

    edits: dict[str, float]
    before: float
    after: float


def match_light(own: Light, normals: Floats, weight: Floats, sample: Light) -> LightMatch:
    """Find the edits.

    Parameters
    ----------
    own, sample : Light
    normals : ndarray, shape (..., 3)
        Of the portrait's surfaces.
    weight : ndarray, shape (...)
        How much each counts.
    """
    chosen = np.flatnonzero(weight.ravel() > 0.5)
    if len(chosen) < FEW:
        return LightMatch({}, 0.0, 0.0)
    seen = normals.reshape(-1, 3)[chosen[:: max(1, len(chosen) // POINTS)]]
    goal = _coded(sample.shade(seen), sample.level)
    own_shade = own.shade(seen)
    low = np.array([edit.low for edit in LIGHT_EDITS])
    high = np.array([edit.high for edit in LIGHT_EDITS])

    def apart(x: Array) -> Array:
        after = own.changed(seen, _named(x * high))
        after = own_shade * np.clip(after / own_shade, 0.0, MOST_CHANGE)
        off = (_coded(after, own.level) - goal) / np.sqrt(len(goal))
        return np.concatenate([off, EASE * x])

    starts = [np.zeros(4)]
    starts += [
        np.array([yaw, pitch, amount, 0.0]) / high
        for yaw, pitch, amount in product(TURNS, TURNS, AMOUNTS)
    ]
    starts.sort(key=lambda x: float((apart(x) ** 2).sum()))
    solved = [
        least_squares(apart, np.clip(x, low / high + 1e-6, 1 - 1e-6), bounds=(low / high, 1.0))
        for x in [np.full(4, 0.02), *starts[:BEST]]
    ]
    best = min(solved, key=lambda found: float(found.cost)).x
    best = np.where(np.abs(best) < SMALLEST, 0.0, best)
    before, after = (float(np.linalg.norm(apart(x)[:-4])) for x in (np.zeros(4), best))
    if after > WORTH * before:
        return LightMatch({}, before, before)
    edits = {name: value for name, value in _named(best * high).items() if value != 0.0}
    return LightMatch(edits, before, after)


def _coded(light: Floats, level: float) -> Array:
    """Light over its mean as a picture has it."""
    return np.asarray(np.maximum(light / max(level, 1e-6), 0.0), np.float64) ** (1.0 / GAMMA)


def _named(values: Array) -> Mapping[str, float]:
    return {edit.name: float(value) for edit, value in zip(LIGHT_EDITS, values, strict=True)}
