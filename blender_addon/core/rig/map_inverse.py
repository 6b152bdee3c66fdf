# SPDX-License-Identifier: GPL-3.0-or-later
"""The inverse of the rig map: shape key values and head poses that give wanted coefficients.

Shape keys are a least-squares fit within the keys' limits; the head pose is a pseudo-inverse. No
bpy here, and no scipy: Blender's Python has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import bridge
from .rig_map import POSE_SOURCES, POSE_TARGETS, BoneRow, KeyRow, RigMap

Array = NDArray[np.float64]

# A channel whose values stay below this (coefficients, radians, eye distances) does not move: it is
# a hundredth of the default tolerance of baked curves.
STILL = 1e-4
# A channel that misses its wanted values by more is reported: twice the default tolerance.
REPORTED_ERROR = 0.02

# Weight of the squared values against 1 for a squared error: picks small values among equally good
# solutions, and is too small to shift a unique one visibly.
_RIDGE = 1e-6
# Coordinate descent ends when no value changes by more than this in a sweep, far below a visible
# change of a shape key; the most sweeps bound the time where it converges slowly.
_CONVERGED = 1e-7
_MOST_SWEEPS = 2000


@dataclass(frozen=True, eq=False)
class KeyInverse:
    """Shape key values for N frames.

    Attributes
    ----------
    values : dict of str to (N,) array
        Within the keys' limits.
    gain : dict of str to float
        Largest change of an expression for a change of the key, with the other keys that feed it;
        1 or more. The key's tolerance is divided by it.
    left_out : tuple of str
        Moving expressions that no usable row feeds.
    short : tuple of str
        Expressions that the keys cannot reach, most often because of their limits.
    """

    values: dict[str, Array]
    gain: dict[str, float]
    left_out: tuple[str, ...]
    short: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PoseInverse:
    """Head motion for N frames, relative to rest, in the contract's axes.

    Attributes
    ----------
    rotation : (N, 3) array or None
        (pitch, yaw, roll), radians; None when the head does not rotate.
    translation : (N, 3) array or None
        In outer-eye-corner distances; None when the head does not move.
    left_out : tuple of str
        Moving targets (pitch ... z) that no row feeds.
    """

    rotation: Array | None
    translation: Array | None
    left_out: tuple[str, ...]


def inverse_keys(
    rig_map: RigMap,
    expression: Array,
    wanted: NDArray[np.bool_],
    limits: Mapping[str, tuple[float, float]],
    present: frozenset[str] | None = None,
) -> KeyInverse:
    """Find the shape key values that give expressions through the map.

    Least squares within the limits of the keys; with limits from 0 up these are non-negative
    least squares. Where several keys feed an expression the smallest values are taken.
    Expressions that the clip never moves use no key, so that other animation of them stays.

    Parameters
    ----------
    rig_map : RigMap
        Muted and unmapped rows take no part.
    expression : (N, 52) array
    wanted : (52,) bool array
        Expressions to bake.
    limits : mapping of str to (float, float)
        Lowest and highest value of each key that may be used.
    present : frozenset of str, optional
        All keys of the mesh, including those that may not be used; by default those in `limits`.

    Raises
    ------
    BadInput
        A row names an expression that does not exist.
    """
    there = frozenset(limits) if present is None else present
    rows = [r for r in rig_map.keys if not r.mute and r.expression and r.shape_key in there]
    moving = wanted & (np.abs(expression) > STILL).any(axis=0)
    scale, offset = _tables(rows)
    keys = sorted(key for key, to in scale.items() if key in limits and (to[moving] != 0.0).any())
    fed = np.zeros(len(moving), bool)
    matrix = np.zeros((len(moving), len(keys)))
    for k, key in enumerate(keys):
        matrix[:, k] = scale[key]
        fed |= scale[key] != 0.0
    names = np.array(bridge.coefficients.EXPRESSION_NAMES)
    left_out = tuple(names[moving & ~fed].tolist())
    if not keys:
        return KeyInverse({}, {}, left_out, ())
    channels = np.flatnonzero(fed & wanted)
    low, high = np.array([limits[key] for key in keys]).T
    goal = expression[:, channels] - offset[channels]
    found = bounded_least_squares(
        matrix[channels], goal, np.minimum(low, high), np.maximum(low, high)
    )
    off = np.abs(found @ matrix[channels].T - goal).max(axis=0)
    # Keys that feed one expression share its tolerance.
    share = np.maximum(np.abs(matrix[channels]).sum(axis=1), 1.0)
    gain = {
        key: float(share[matrix[channels, k] != 0.0].max(initial=1.0)) for k, key in enumerate(keys)
    }
    short = tuple(names[channels[off > REPORTED_ERROR]].tolist())
    return KeyInverse(dict(zip(keys, found.T, strict=True)), gain, left_out, short)


def _tables(rows: list[KeyRow]) -> tuple[dict[str, Array], Array]:
    """Return each key's scales into the 52, and the sum of the offsets, (52,)."""
    index = bridge.coefficients.EXPRESSION_INDEX
    scale: dict[str, Array] = {}
    offset = np.zeros(len(index))
    for row in rows:
        if row.expression not in index:
            raise bridge.errors.BadInput(
                f'rig map: "{row.expression}" (row of shape key "{row.shape_key}") is not an '
                "expression; choose one from the list"
            )
        into = scale.setdefault(row.shape_key, np.zeros(len(index)))
        into[index[row.expression]] += row.scale
        offset[index[row.expression]] += row.offset
    return scale, offset


def inverse_pose(
    rows: tuple[BoneRow, ...], rotation: Array | None, translation: Array | None
) -> PoseInverse:
    """Find the head motion that gives pose values through the map's bone rows.

    Parameters
    ----------
    rows : tuple of BoneRow
        Muted ones take no part.
    rotation, translation : (N, 3) arrays or None
        Wanted values; None for what is not baked.
    """
    none = PoseInverse(None, None, ())
    given = next((table for table in (rotation, translation) if table is not None), None)
    if given is None:
        return none
    empty = np.zeros_like(given, dtype=float)
    goal = np.concatenate(
        [empty if rotation is None else rotation, empty if translation is None else translation],
        axis=1,
    )
    wanted = np.repeat([rotation is not None, translation is not None], 3)
    moving = wanted & (np.abs(goal) > STILL).any(axis=0)
    matrix, offset = np.zeros((6, 6)), np.zeros(6)
    for row in rows:
        if not row.mute and row.axis_source in POSE_SOURCES and row.target in POSE_TARGETS:
            target = POSE_TARGETS.index(row.target)
            matrix[target, POSE_SOURCES.index(row.axis_source)] += row.scale
            offset[target] += row.offset
    # A rotation that is not baked must not be replaced by a translation, nor the reverse.
    matrix[:, ~wanted] = 0.0
    fed = (matrix != 0.0).any(axis=1)
    left_out = tuple(POSE_TARGETS[i] for i in np.flatnonzero(moving & ~fed))
    if not (moving & fed).any():
        return PoseInverse(None, None, left_out)
    taken = wanted & fed
    found = (goal - offset)[:, taken] @ np.linalg.pinv(matrix[taken], rcond=1e-6).T
    turns = bool((moving & fed)[:3].any())
    shifts = bool((moving & fed)[3:].any())
    return PoseInverse(found[:, :3] if turns else None, found[:, 3:] if shifts else None, left_out)


def bounded_least_squares(matrix: Array, wanted: Array, low: Array, high: Array) -> Array:
    """Minimise ``|matrix @ x - wanted|`` with ``low <= x <= high``, for each frame.

    Columns that share no row are independent and solved exactly by clipping; the others by cyclic
    coordinate descent from the clipped least-squares solution, which is already exact where no
    bound is active. With a lower bound of 0 this is non-negative least squares.

    Parameters
    ----------
    matrix : (C, K) array
    wanted : (N, C) array
        One row a frame.
    low, high : (K,) arrays
        Bounds, low <= high, finite.

    Returns
    -------
    (N, K) array
        Within the bounds. Columns of zeros give the bound nearest to 0.
    """
    result = np.empty((len(wanted), matrix.shape[1]))
    for columns in independent_columns(matrix):
        rows = np.flatnonzero(matrix[:, columns].any(axis=1))
        part = matrix[np.ix_(rows, columns)]
        result[:, columns] = _solve_group(part, wanted[:, rows], low[columns], high[columns])
    return result


def independent_columns(matrix: Array) -> list[NDArray[np.intp]]:
    """Return the columns of a matrix in groups that share no row with each other."""
    left = list(range(matrix.shape[1]))
    found = []
    while left:
        group = [left.pop(0)]
        for column in group:  # grows while it is walked through
            rows = matrix[:, column] != 0.0
            near = [other for other in left if (matrix[rows, other] != 0.0).any()]
            group += near
            left = [other for other in left if other not in near]
        found.append(np.array(sorted(group), np.intp))
    return found


def _solve_group(matrix: Array, wanted: Array, low: Array, high: Array) -> Array:
    """Solve for one group: matrix (C, K), wanted (N, C)."""
    count = matrix.shape[1]
    square = matrix.T @ matrix + _RIDGE * np.eye(count)
    target = wanted @ matrix
    free = np.linalg.solve(square, target.T).T
    values = np.clip(free, low, high)
    if count == 1:
        return np.asarray(values)
    # Only frames with an active bound need coordinate descent.
    open_frames = np.flatnonzero((values != free).any(axis=1))
    x, goal = values[open_frames], target[open_frames]
    for _ in range(_MOST_SWEEPS):
        if not len(x):
            break
        before = x.copy()
        for k in range(count):
            step = (goal[:, k] - x @ square[:, k]) / square[k, k]
            x[:, k] = np.clip(x[:, k] + step, low[k], high[k])
        if np.abs(x - before).max() < _CONVERGED:
            break
    values[open_frames] = x
    return np.asarray(values)
