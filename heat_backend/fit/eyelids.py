# SPDX-License-Identifier: GPL-3.0-or-later
"""Two corrections of the eyelids' motion: blinks that close exactly, and smooth skin above them.

``fit_blinks`` applies both to a posed model. Lengths are outer-eye distances in the picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel, landmarks
from bridge.ramps import smoothstep
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.neutral import RELAX
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.landmark_contours import BROW_LOWER_EDGE
from heat_backend.geometry.mesh_normals import triangle_facing

MIN_STRETCH, MAX_STRETCH = 0.15, 3.0  # of the model's blink; past 3 its own folds would show
LASH_BAND = (0.025, 0.085)  # above the margin: lashes move with it, beyond the skin stretches
OVERLAP = 0.012  # the closed upper lid stands a little over and before the lower one
REACH = 0.22  # outer-eye distances around the eye in which lid skin follows its margin

# Left as the model has them: lowered brows push the skin into the fold, nothing is unrolled.
FOLDING = tuple(EXPRESSION_INDEX[f"browDown{side}"] for side in ("Left", "Right"))
# Outer-eye distances where nothing else is said; all of this module by eye on the test portraits.
AROUND = 0.45  # how far skin counts that the field must agree with
UP_TO = 0.5  # share of the way from margin to brow edge: brow hair must not be stretched
BESIDE = 0.03  # by which the zone reaches over the line of margin, brow and corners
LASHES = (0.015, 0.035)  # above the margin the lid moves whole, as lashes do
FOLD_REACH = 0.2  # how far from the eye averted skin is its fold
SMOOTHING = 1e-4  # of the spline
LEAST_FACING = 0.1  # cosine to the camera below which a triangle is averted


def fit_blinks(
    model: FaceModel,
    posed: PosedModel,
    neutralise: bool,
    corrections: Corrections = ALL_CORRECTIONS,
) -> None:
    """Fit the model's blinks and lid skin to this photo's eyes; ``posed.deltas`` are written.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    neutralise : bool
        Whether the blinks start from the face at rest instead of as photographed.
    corrections : Corrections
    """
    if corrections.personal_blink:
        rest = posed.rest + posed.deltas[RELAX] if neutralise else posed.rest
        skin = np.flatnonzero(model.vertex_part == PART_NAMES.index("face"))
        for lid, blink in ((model.lid_left, "eyeBlinkLeft"), (model.lid_right, "eyeBlinkRight")):
            close_exactly(rest, posed.deltas, lid, model.lid_upper_count, skin, blink)
    if corrections.lid_skin:
        smooth_lid_skin(model, posed)


def close_exactly(
    rest: NDArray[np.floating],
    deltas: NDArray[np.float32],
    lid: NDArray[np.int32],
    upper_count: int,
    skin: NDArray[np.intp],
    blink: str,
) -> None:
    """Rescale one blink so that at 1 the upper lid's margin meets the lower lid's.

    For: all photos, those whose eyes are more or less open than the model's above all.

    Parameters
    ----------
    rest : ndarray, shape (V, 3)
        Vertices in the picture's axes, model units.
    deltas : ndarray, shape (53, V, 3), float32
        Changed in place, for ``blink`` only.
    lid : ndarray, shape (M,), int32
        Lid margin: upper run from one corner to the other, then back over the lower lid.
    upper_count : int
        How many of ``lid`` are the upper run, corners included.
    skin : ndarray of int
        Vertices of the skin, which may follow.
    blink : str
        ``"eyeBlinkLeft"`` or ``"eyeBlinkRight"``.
    """
    delta = deltas[EXPRESSION_INDEX[blink]]
    upper, lower = lid[:upper_count], lid[upper_count:]
    ring = np.concatenate([[upper[0]], lower[::-1], [upper[-1]]])
    low = rest[ring] + delta[ring]
    order = np.argsort(low[:, 0])
    meet_y = np.interp(rest[upper, 0], low[order, 0], low[order, 1])
    wanted = meet_y - OVERLAP * _bulge(len(upper)) - rest[upper, 1]
    given = delta[upper, 1].astype(np.float64)
    inner = np.abs(given) > 0.15 * np.abs(given).max()
    stretch = np.ones(len(upper))
    stretch[inner] = np.clip(wanted[inner] / given[inner], MIN_STRETCH, MAX_STRETCH)
    stretch[~inner] = np.interp(np.flatnonzero(~inner), np.flatnonzero(inner), stretch[inner])
    distance, nearest = cKDTree(rest[upper, :2]).query(rest[skin, :2])
    share = np.exp(-((distance / REACH) ** 2))
    factor = 1.0 + (stretch[nearest] - 1.0) * share
    lower_half = rest[skin, 1] < np.interp(
        rest[skin, 0], rest[ring][order, 0], rest[ring][order, 1]
    )
    factor[lower_half] = 1.0
    delta[skin] *= factor[:, None].astype(np.float32)
    _carry_lashes(rest, delta, upper, skin[~lower_half])
    # What rounding and clipping left: the margin itself must meet.
    delta[upper[1:-1], 1] = wanted[1:-1]
    delta[upper[1:-1], 2] += OVERLAP


def _bulge(count: int) -> NDArray[np.float64]:
    """0 at both corners, 1 in the middle."""
    return np.sin(np.linspace(0.0, np.pi, count)) ** 0.5


def _carry_lashes(
    rest: NDArray[np.floating],
    delta: NDArray[np.float32],
    upper: NDArray[np.int32],
    skin: NDArray[np.intp],
) -> None:
    """Move the lashes' roots with the margin: a stretched lash looks like a wrinkle."""
    distance, nearest = cKDTree(rest[upper[1:-1], :2]).query(rest[skin, :2])
    own = smoothstep(*LASH_BAND, distance)[:, None].astype(np.float32)
    margin = delta[upper[1:-1]][nearest]
    delta[skin] = np.where(own < 1.0, margin * (1.0 - own) + delta[skin] * own, delta[skin])


def smooth_lid_skin(model: FaceModel, posed: PosedModel) -> None:
    """Interpolate the motion between upper lids and brows from what is around, in place.

    For: deep-set, hooded and averted eyes, whose lid folds lie elsewhere than the model's.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
        With blinks already fitted to the eyes.
    """
    skin = np.flatnonzero(model.vertex_part == PART_NAMES.index("face"))
    flat = posed.rest[:, :2]
    marks = landmarks(model, posed.rest)[:, :2]
    up = (posed.rotation @ np.array([0.0, 1.0, 0.0]))[:2]
    unfolding = np.setdiff1d(np.arange(len(posed.deltas)), FOLDING)
    facing = np.intersect1d(skin, _facing_vertices(model, posed))
    for side, lid in (("left", model.lid_left), ("right", model.lid_right)):
        upper = lid[: model.lid_upper_count]
        ceiling = _part_way(flat[upper], marks[BROW_LOWER_EDGE[side]])
        near, _ = cKDTree(flat[lid]).query(flat)
        folded = np.setdiff1d(skin[near[skin] < FOLD_REACH], facing)
        zone = np.union1d(skin[_in_zone(flat[skin], flat[upper], ceiling)], folded)
        zone = np.setdiff1d(zone[~_below(flat[zone], flat[upper])], lid)
        if len(zone) == 0:
            continue
        near = near[facing]
        around = np.union1d(np.setdiff1d(facing[near < AROUND], zone), lid)
        lashes = upper[2:-2]
        sources = np.concatenate([around, *(lashes for _ in LASHES)])
        at = np.concatenate([flat[around], *(flat[lashes] + up * step for step in LASHES)])
        values = posed.deltas[:, sources].transpose(1, 0, 2).reshape(len(sources), -1)
        field = RBFInterpolator(at, values, kernel="linear", smoothing=SMOOTHING, degree=0)
        drawn = field(flat[zone]).reshape(len(zone), len(posed.deltas), 3).transpose(1, 0, 2)
        posed.deltas[np.ix_(unfolding, zone)] = drawn[unfolding].astype(np.float32)


def _facing_vertices(model: FaceModel, posed: PosedModel) -> NDArray[np.int32]:
    """Vertices of which all triangles face the camera."""
    averted = triangle_facing(posed.rest, model.triangles) < LEAST_FACING
    return np.setdiff1d(model.triangles[~averted], model.triangles[averted])


def _part_way(margin: NDArray[np.floating], brow: NDArray[np.floating]) -> NDArray[np.float64]:
    """Line (5, 2) above the margin, ``UP_TO`` the brow; both as in :func:`_in_zone`."""
    at = np.linspace(len(margin) - 2.0, 1.0, len(brow)).round().astype(int)
    return np.asarray(margin[at] + UP_TO * (brow - margin[at]), np.float64)


def _in_zone(
    points: NDArray[np.floating], margin: NDArray[np.floating], ceiling: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Which points (N, 2) lie between an upper lid's margin and a line above it.

    ``margin`` runs from the inner to the outer corner, ``ceiling`` from the temple to the nose.
    """
    outline = np.concatenate([margin, ceiling]).astype(np.float32)[:, None]
    distance = np.array(
        [cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in points]
    )
    # Below the margin is the eye itself: the zone is widened at the sides only.
    return np.asarray((distance > 0.0) | ((distance > -BESIDE) & ~_below(points, margin)))


def _below(points: NDArray[np.floating], margin: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which points (N, 2) lie lower than an upper lid's margin, continued level past its ends."""
    order = np.argsort(margin[:, 0])
    line = np.interp(points[:, 0], margin[order, 0], margin[order, 1])
    return np.asarray(points[:, 1] < line - 1e-6)
