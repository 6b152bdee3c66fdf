# SPDX-License-Identifier: GPL-3.0-or-later
"""The expression and pose that make a portrait's face do what a sample picture's does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_MAX, EXPRESSION_MIN, EXPRESSION_NAMES
from bridge.face_model import load as load_model
from bridge.pose import rotation_angles
from heat_backend.edits.photo_fit import PhotoFit
from heat_backend.fit.posed_model import SPENT_SHARE
from heat_backend.tracking.eyes_and_lips import gaze_weights
from heat_backend.tracking.single_image import ImageReading, read_image, with_raised_brows

Array = NDArray[np.float64]
NOISE = 0.06  # weight: pictures of one face at rest differ by as much
CROOKED_LIDS = 0.4  # weight: lids that differ by more are a wink, by less a turned head's
LID_STEMS = ("eyeBlink", "eyeSquint", "eyeWide")
GAZE_TRUST = np.array([0.4, 0.85])  # pitch, yaw: where eyes rest differs from face to face
OUT_OF_REACH = 0.15  # weight missing from which a note says so; tuned by eye


def match_expression(
    own: PhotoFit, sample: PhotoFit, neutralise: bool, turned: bool
) -> tuple[Array, tuple[str, ...]]:
    """Weights (52,) that bring the portrait to the sample's expression, and what to tell of them.

    Parameters
    ----------
    own, sample : PhotoFit
    neutralise : bool
        The portrait's own expression will have been relaxed: it does not count.
    turned : bool
        The head takes the sample's pose, too. Else the eyes look where the sample's look, from
        a head that stays: into the lens, if they do.
    """
    model = load_model()
    here, there = (read_image(model, found.face, found.fit) for found in (own, sample))
    turn = np.zeros(2) if turned else match_pose(own, sample)[:2]
    wanted = expression_change(here, there, None if neutralise else own.fit.expression, turn)
    found = np.clip(wanted, EXPRESSION_MIN, EXPRESSION_MAX)
    worst = int(np.abs(wanted - found).argmax())
    if abs(wanted[worst] - found[worst]) < OUT_OF_REACH:
        return found, ()
    advice = "" if neutralise else ": relaxing it first (neutralise) goes farther"
    return found, (
        f"{EXPRESSION_NAMES[worst]} of the portrait's own expression is farther from the sample's "
        f"than a weight reaches{advice}",
    )


def expression_change(
    here: ImageReading,
    there: ImageReading,
    used: NDArray[np.floating] | None,
    turn: NDArray[np.floating],
) -> Array:
    """Weights (52,) from one reading to another, gaze included, wherever that leads.

    ``used`` (52,) is what the portrait already does of each, which takes part of each shape's
    way; None where its expression is relaxed first. ``turn`` (2,) is the pitch and yaw that the
    eyes make up for, since the head does not turn, radians.
    """
    if used is None:
        found = with_raised_brows(there.expression)
    else:
        found = with_raised_brows(there.expression - here.expression)
        found /= 1.0 - SPENT_SHARE * np.minimum(1.0, used)
    for stem in LID_STEMS:
        sides = [EXPRESSION_INDEX[f"{stem}{side}"] for side in ("Left", "Right")]
        if np.ptp(found[sides]) < CROOKED_LIDS:
            found[sides] = found[sides].mean()
    found[np.abs(found) < NOISE] = 0.0
    if here.gaze is not None and there.gaze is not None:
        found += gaze_weights(((there.gaze - here.gaze + turn) * GAZE_TRUST)[None])[0]
    return found


def match_pose(own: PhotoFit, sample: PhotoFit) -> Array:
    """Pitch, yaw, roll (3,) that turn the portrait's head as the sample's is turned, radians."""
    return np.asarray(rotation_angles(sample.fit.rotation @ own.fit.rotation.T), np.float64)


def strongest(expression: NDArray[np.floating], count: int = 4) -> str:
    """Name what moves most."""
    order = [k for k in np.argsort(-np.abs(expression))[:count] if expression[k] != 0.0]
    summary = ", ".join(f"{EXPRESSION_NAMES[k]} {expression[k]:.2f}" for k in order)
    return summary or "as in the portrait"
