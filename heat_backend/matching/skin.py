# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour edits that bring a portrait's skin to a sample picture's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.edits import EDIT_BY_NAME
from heat_backend.edits.colour_steps import STEPS, to_lab
from heat_backend.edits.photo_fit import PhotoFit

Array = NDArray[np.float64]
TONE, BLUSH = ("skin_tone", "skin_warmth"), "blush"
GREY = 1.5  # L*a*b*: colours of a whole picture that vary by less, at one lightness
SAMPLES = 20000  # pixels looked at: more changes nothing but the time
SMALLEST = 0.03  # steps: a smaller edit is not seen
HUE_COUNTS = 2.0  # times as much as chroma, tuned by eye: skin of another hue looks ill


@dataclass(frozen=True)
class SkinColour:
    """A face's skin.

    Attributes
    ----------
    lab : ndarray, shape (3,)
        Mean colour with the light's shading taken away, cheeks' blush left out.
    flush : float
        a* of the cheeks over the rest of the skin's.
    blush_share : float
        How much of a step of blush the cheeks' mean takes.
    grey : bool
        The picture is monochrome, or nearly: toned in one hue.
    """

    lab: Array
    flush: float
    blush_share: float
    grey: bool


@dataclass(frozen=True)
class SkinMatch:
    """What was found; ``before`` and ``after`` are distances in L*a*b*."""

    edits: dict[str, float]
    before: float
    after: float
    notes: tuple[str, ...]


def skin_colour(found: PhotoFit) -> SkinColour:
    """Measure a picture's skin."""
    lab = to_lab(found.base.astype(np.float32))
    skin, cheeks = found.regions["skin"], found.regions["blush"]
    plain = skin**2 * (1.0 - np.minimum(1.0, cheeks)) * _on_face(found) + 1e-9
    mean = np.average(lab.reshape(-1, 3), axis=0, weights=plain.ravel())
    on_cheeks = cheeks**2 + 1e-12
    flush = float(np.average(lab[..., 1], weights=on_cheeks)) - float(mean[1])
    share = float((cheeks**3).sum() / on_cheeks.sum())
    return SkinColour(mean, flush, max(share, 0.2), is_grey(found.pixels))


def _on_face(found: PhotoFit) -> NDArray[np.uint8]:
    """1 within the landmarks (H, W): farther out, skin and what has its colour mix."""
    mask = np.zeros(found.pixels.shape[:2], np.uint8)
    outline = cv2.convexHull(np.rint(found.face.points[:468, :2]).astype(np.int32))
    cv2.fillConvexPoly(mask, outline, 1)
    return mask


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W, 3) has no hues of its own beside one that goes with lightness."""
    flat = pixels.reshape(-1, 3)
    lab = to_lab(flat[:: max(1, len(flat) // SAMPLES)].astype(np.float32))
    light = lab[:, 0] / 100.0
    curve = np.stack([np.ones_like(light), light, light**2, light**3], axis=1)
    left = lab[:, 1:] - curve @ np.linalg.lstsq(curve, lab[:, 1:], rcond=None)[0]
    return bool(left.std(axis=0).max() < GREY)


def match_skin(own: SkinColour, sample: SkinColour) -> SkinMatch:
    """Find the steps of tone and warmth, and of blush, within their ranges."""
    missing = sample.lab - own.lab
    notes = []
    names: tuple[str, ...] = TONE
    if own.grey or sample.grey:
        which = "sample" if sample.grey else "portrait"
        notes.append(f"the {which} is monochrome: only the skin's lightness is matched")
        names, missing = TONE[:1], missing * (1.0, 0.0, 0.0)
    steps = np.array([STEPS[name].lab for name in names]).T
    weight = _hue_first(sample.lab)
    found = np.linalg.lstsq(weight @ steps, weight @ missing, rcond=None)[0]
    edits = {name: _held(name, value) for name, value in zip(names, found, strict=True)}
    after = missing - steps @ np.array(list(edits.values()))
    if not (own.grey or sample.grey):
        per_step = STEPS[BLUSH].lab[1] * own.blush_share
        edits[BLUSH] = _held(BLUSH, (sample.flush - own.flush) / per_step)
    edits = {name: value for name, value in edits.items() if abs(value) >= SMALLEST}
    return SkinMatch(
        edits, float(np.linalg.norm(missing)), float(np.linalg.norm(after)), tuple(notes)
    )


def _hue_first(lab: Array) -> Array:
    """Axes (3, 3) along which colours near ``lab`` are compared: lightness, chroma, hue."""
    chroma = max(float(np.hypot(*lab[1:])), 1e-6)
    a, b = lab[1] / chroma, lab[2] / chroma
    return np.array([[1.0, 0.0, 0.0], [0.0, a, b], [0.0, -HUE_COUNTS * b, HUE_COUNTS * a]])


def _held(name: str, value: float) -> float:
    edit = EDIT_BY_NAME[name]
    return float(np.clip(value, edit.low, edit.high))
