# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracking a portrait in its own frames, by which it is measured at preparation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from bridge.edits import IDENTITY_EDITS
from heat_backend.detect import FaceLandmarks
from heat_backend.detect.landmarks import Detector
from heat_backend.engine import Portrait

Landmarks = TypeVar("Landmarks")


class Turnable(Portrait, Protocol):
    """A portrait that tells how far it turns."""

    def holds(self, rotation: NDArray[np.floating]) -> bool:
        """Whether a turn (3,), radians, is farther than this portrait turns."""
        ...


def tracking(
    portrait: Turnable, detector: Detector, face: FaceLandmarks
) -> Callable[[Coefficients], NDArray[np.floating] | None]:
    """Render and track one face, which stays about where it is in the photo."""
    home = face.points[:468, :2].mean(axis=0)

    def track(shown: Coefficients) -> NDArray[np.floating] | None:
        frame = portrait.render(shown)
        found = detector.detect(np.ascontiguousarray(frame[..., :3]))
        near = [
            (float(np.hypot(*(f.points[:468, :2].mean(axis=0) - home))), f.points) for f in found
        ]
        near = [pair for pair in near if pair[0] < face.outer_eye_distance]
        return min(near, key=lambda pair: pair[0])[1] if near else None

    return track


def expressing(
    landmarks: Callable[[Coefficients], Landmarks],
) -> Callable[[Mapping[str, float]], Landmarks]:
    """Landmarks of the head with expressions by name, and nothing else."""
    return lambda shown: landmarks(Coefficients.of(expression=shown))


def reshaping(
    track: Callable[[Coefficients], NDArray[np.floating] | None],
) -> Callable[[NDArray[np.float64]], NDArray[np.floating] | None]:
    """Track the head with identity weights (K,) added."""

    def reshaped(identity: NDArray[np.float64]) -> NDArray[np.floating] | None:
        edits = {edit.name: float(w) for edit, w in zip(IDENTITY_EDITS, identity, strict=True)}
        return track(Coefficients.of(edits=edits))

    return reshaped


def turning(
    portrait: Turnable, track: Callable[[Coefficients], NDArray[np.floating] | None]
) -> Callable[[NDArray[np.float64]], NDArray[np.floating] | None]:
    """Track the head turned, as far as the engine does turn it."""

    def turned(rotation: NDArray[np.float64]) -> NDArray[np.floating] | None:
        if portrait.holds(rotation):
            return None
        return track(Coefficients.of(rotation=rotation))

    return turned
