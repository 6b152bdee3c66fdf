# SPDX-License-Identifier: GPL-3.0-or-later
"""The coefficients of the frames around one frame, for engines that look at motion. No bpy here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ... import bridge
from .rig_map import HeadPose, RigMap, evaluate

RADIUS = bridge.packing.NEIGHBOURS // 2
# How far curves may be from what Blender evaluated: more means that something else has its say.
_AGREES = 1e-3


def window_frames(now: float, first: int, last: int) -> tuple[float, ...]:
    """Return the 27 frames around `now`; a shot's end is repeated while `now` is within the shot.

    Parameters
    ----------
    now : float
        The current frame.
    first, last : int
        The shot's frames: an export repeats the first and the last.
    """
    frames = now + np.arange(-RADIUS, RADIUS + 1)
    if first <= now <= last:
        frames = np.clip(frames, first, last)
    return tuple(frames.tolist())


def window(
    rig_map: RigMap,
    key_values: Sequence[Mapping[str, float]],
    poses: Sequence[HeadPose],
    now: bridge.coefficients.Coefficients,
) -> tuple[bridge.coefficients.Coefficients, ...] | None:
    """Evaluate the rig map on 27 frames.

    Parameters
    ----------
    rig_map : RigMap
        The rows.
    key_values : sequence of 27 mappings
        Value of each shape key.
    poses : sequence of 27 HeadPose
        Head pose relative to rest.
    now : Coefficients
        As sampled from the evaluated rig.

    Returns
    -------
    tuple of 27 Coefficients, or None
        None where the middle frame is not what was sampled: a slider that was moved and not
        keyed, or a cause that the curves do not show.

    Raises
    ------
    BadInput
        The map names an unknown expression or axis.
    """
    found = tuple(
        evaluate(rig_map, values, pose) for values, pose in zip(key_values, poses, strict=True)
    )
    middle = found[RADIUS]
    apart = max(
        float(np.abs(middle.expression - now.expression).max()),
        float(np.abs(middle.rotation - now.rotation).max()),
        float(np.abs(middle.translation - now.translation).max()),
    )
    return found if apart <= _AGREES else None
