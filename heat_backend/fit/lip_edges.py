# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction of the tracked lip contours of an open mouth to the edges in the photo.

For: smiling photos that show teeth. A smile draws the lips thin toward the corners, but the
tracker keeps their usual thickness there: its inner contour runs through the red, its outer one
over the skin below, and the corners stop short. Closed again, such lips would hide their red in
the mouth and show skin in its place. Both contours are moved to where the photo's colours change,
each as one closed ring found by dynamic programming over places across the lip.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LIP_RINGS

Floats = NDArray[np.floating]

RUNG, CORNER = 4, 10  # columns from one landmark to the next; landmarks from corner to corner
# Below: outer-eye distances where nothing else is said; tuned by eye on smiling test portraits.
OPEN = 0.04  # lips nearer than this show no edge between them
WIDE = 0.3  # wider open, a mouth shows tongue and cheeks, which look like lips
REACH, STEP = 0.06, 0.003  # how far from the contour an edge is searched for, and how finely
BLUR = 0.006  # of colours, against grain
TRUSTED = 0.05  # standard deviation of the tracked contour
EVEN = 0.010  # standard deviation of the step from one column to the next
EVIDENCE_WEIGHT = 60.0  # independent pixels in one outer-eye distance: neighbours look alike
THINNEST = 0.35  # share of the lip as tracked
THIN = 0.03  # that the inner edge may lie outside wherever the outer one is
LIGHTNESS = 0.6  # weight of L against a and b: shadows fall on lips and skin alike
ALIKE = 5.0  # CIELAB difference: standard deviation of colours of one region
RARE = 0.02  # share of samples added to both regions, so that rare colours decide nothing
MOST_EVIDENCE = 2.0  # log likelihood ratio of one pixel, at most


@dataclass(frozen=True)
class _Ring:
    """Columns around the mouth.

    Attributes
    ----------
    inner, outer : ndarray, shape (C, 2)
        The tracked contours, pixels.
    out : ndarray, shape (C, 2)
        From one to the other, length 1.
    thick : ndarray, shape (C,)
        Of the lip, outer-eye distances.
    room : ndarray, shape (C,)
        From the inner contour to the middle of the opening, outer-eye distances.
    """

    inner: Floats
    outer: Floats
    out: Floats
    thick: Floats
    room: Floats


def align_lips_to_edges(photo: NDArray[np.uint8], face: FaceLandmarks) -> FaceLandmarks:
    """Move the contours of the lips to the edges between lip, skin and mouth in the photo.

    For: smiling photos that show teeth.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    face : FaceLandmarks
        Returned as it is if its mouth is closed or shouts.
    """
    unit = face.outer_eye_distance
    ring = _ring(face.points[:, :2].astype(np.float64), unit)
    if not OPEN <= 2.0 * ring.room.max() <= WIDE:
        return face
    colours = _Colours(photo, ring, unit)
    inward = _edge(colours, ring)
    outward = _rim(colours, ring)
    least = (THINNEST - 1.0) * ring.thick
    outward = np.maximum(outward, inward + least)
    points = face.points.copy()
    for ring_of in LIP_RINGS:
        at = points[ring_of, :2].astype(np.float64)
        out, thick = ring.out[::RUNG], ring.thick[::RUNG] * unit
        share = ((at - ring.inner[::RUNG]) * out).sum(axis=1) / np.maximum(thick, 1e-6)
        share = np.clip(share, 0.0, 1.0)
        move = inward[::RUNG] + share * (outward - inward)[::RUNG]
        points[ring_of, :2] = at + (move * unit)[:, None] * out
    return FaceLandmarks(points)


def _ring(points: Floats, unit: float) -> _Ring:
    inner, outer = lip_contours(points)
    out = outer - inner
    thick = np.maximum(np.hypot(*out.T), 1e-6)
    across = np.roll(inner[::-1], 1, axis=0)  # the same column of the other lip
    room = 0.5 * np.hypot(*(across - inner).T)
    return _Ring(inner, outer, out / thick[:, None], thick / unit, room / unit)


def lip_contours(points: Floats) -> tuple[Floats, Floats]:
    """Columns on the inner and the outer contour of the lips, (C, 2) each.

    Parameters
    ----------
    points : ndarray, shape (L, 2)
        FaceMesh landmarks. The ring is that of ``LIP_RINGS``, ``RUNG`` columns for each of them.
    """
    inner, outer = (_between(points[LIP_RINGS[k]]) for k in (0, -1))
    return inner, outer


def _between(run: Floats) -> Floats:
    """Columns (C, 2) on a closed run of landmarks (L, 2)."""
    share = np.arange(RUNG)[:, None, None] / RUNG
    return np.asarray((run + share * (np.roll(run, -1, axis=0) - run)).swapaxes(0, 1)).reshape(
        -1, 2
    )


class _Colours:
    """The photo's colours around the mouth, as differences that the eye sees."""

    def __init__(self, photo: NDArray[np.uint8], ring: _Ring, unit: float) -> None:
        reach = int(np.ceil(4.0 * REACH * unit)) + 2
        low = np.floor(ring.outer.min(axis=0)).astype(int) - reach
        high = np.ceil(ring.outer.max(axis=0)).astype(int) + reach
        self.low = np.clip(low, 0, None)
        left, top = self.low
        part = photo[top : max(high[1], top + 2), left : max(high[0], left + 2)]
        lab = cv2.cvtColor(part.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)
        lab *= np.array([LIGHTNESS, 1.0, 1.0], np.float32)
        self.lab = cv2.GaussianBlur(lab, (0, 0), max(0.5, BLUR * unit))
        self.unit = unit

    def at(self, start: Floats, out: Floats, away: Floats) -> Floats:
        """Colours (C, S, 3) of places ``away`` (C, S) from ``start`` (C, 2) along ``out``."""
        place = start[:, None] + (away * self.unit)[..., None] * out[:, None] - self.low
        x, y = place.astype(np.float32).transpose(2, 0, 1)
        found = cv2.remap(self.lab, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float64)


def _edge(colours: _Colours, ring: _Ring) -> Floats:
    """How far outward (C,) the lips' inner edge is from the tracked contour."""
    mid = _middle(len(ring.thick))
    deep = ring.room > 0.5 * ring.room.max()
    inside = colours.at(ring.inner, ring.out, -ring.room[:, None] * np.linspace(0.35, 1.0, 9))[deep]
    flesh = colours.at(ring.inner, ring.out, ring.thick[:, None] * np.linspace(0.3, 0.9, 9))[mid]
    skin = colours.at(ring.outer, ring.out, np.tile(np.linspace(0.02, 0.08, 6), (len(mid), 1)))
    away = np.arange(-REACH, REACH + STEP / 2, STEP)
    evidence = _evidence(
        colours.at(ring.inner, ring.out, np.tile(away, (len(mid), 1))),
        inside.reshape(-1, 3),
        np.concatenate([flesh.reshape(-1, 3), skin.reshape(-1, 3)]),
    )
    # Past the middle of the opening is the other lip.
    evidence = np.where(away < -ring.room[:, None], 0.0, evidence)
    # Gums between upper teeth look like lip.
    upper = np.arange(len(mid)) > RUNG * CORNER
    inmost = np.where(upper, 0.0, -0.5 * ring.room)
    outmost = np.maximum(THIN, ring.thick)
    barred = (away < inmost[:, None] - STEP) | (away > outmost[:, None])
    return _smoothest(evidence, away, barred)


def _rim(colours: _Colours, ring: _Ring) -> Floats:
    """How far outward (C,) the lips' outer edge is from the tracked contour."""
    mid = _middle(len(ring.thick))
    red = colours.at(ring.inner, ring.out, ring.thick[:, None] * np.linspace(0.25, 0.75, 9))[mid]
    skin = colours.at(ring.outer, ring.out, np.tile(np.linspace(0.03, 0.10, 9), (len(mid), 1)))
    away = np.arange(-REACH, REACH + STEP / 2, STEP)
    across = colours.at(ring.outer, ring.out, np.tile(away, (len(mid), 1)))
    evidence = _evidence(across, red.reshape(-1, 3), skin.reshape(-1, 3))
    within = -(1.0 - THINNEST) * ring.thick[:, None]
    evidence = np.where(away < -ring.thick[:, None], 0.0, evidence)
    return _smoothest(evidence, away, (away < within) & (np.abs(away) > STEP))


def _middle(columns: int) -> NDArray[np.bool_]:
    """Which columns (C,) are of the middle of a lip."""
    rung = np.arange(columns) / RUNG % CORNER
    return np.asarray(np.abs(rung - CORNER / 2) <= 0.3 * CORNER)


def _evidence(colours: Floats, ours: Floats, theirs: Floats) -> Floats:
    """How much more a colour (C, S, 3) looks like ``ours`` (N, 3) than like ``theirs``."""
    flat = colours.reshape(-1, 3)
    shares = [_alike(flat, samples) + RARE for samples in (ours, theirs)]
    evidence = np.log(shares[0] / shares[1]).reshape(colours.shape[:2])
    return np.asarray(np.clip(evidence, -MOST_EVIDENCE, MOST_EVIDENCE))


def _alike(colours: Floats, samples: Floats) -> Floats:
    """Share (N,) of samples (S, 3) that are of a colour (N, 3)."""
    apart = (colours**2).sum(axis=1)[:, None] + (samples**2).sum(axis=1) - 2.0 * colours @ samples.T
    return np.asarray(np.exp(-np.maximum(apart, 0.0) / (2.0 * ALIKE**2)).mean(axis=1))


def _smoothest(evidence: Floats, away: Floats, barred: NDArray[np.bool_]) -> Floats:
    """Edge (C,) around a closed ring: before it what speaks for it, after it what does not.

    Parameters
    ----------
    evidence : ndarray, shape (C, S)
    away : ndarray, shape (S,)
        Places, outer-eye distances.
    barred : ndarray, shape (C, S)
    """
    before = np.cumsum(evidence, axis=1) - 0.5 * evidence
    gain = 2.0 * before - evidence.sum(axis=1, keepdims=True)
    cost = 0.5 * (away / TRUSTED) ** 2 - EVIDENCE_WEIGHT * STEP * gain
    cost = np.where(barred, 1e6, cost)
    jump = ((away[:, None] - away) / EVEN) ** 2
    count = len(cost)
    # Twice around, of which the middle is kept: then it does not matter where the ring begins.
    best, came = cost[0], []
    for k in range(1, 2 * count):
        total = best[:, None] + jump
        came.append(total.argmin(axis=0))
        best = total.min(axis=0) + cost[k % count]
    at = [int(best.argmin())]
    for step in reversed(came):
        at.append(int(step[at[-1]]))
    path = away[at[::-1]]
    half = count // 2
    ring = np.roll(path[half : half + count], half)
    return np.asarray(convolve1d(ring, [0.1, 0.2, 0.4, 0.2, 0.1], mode="wrap"))
