# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples a rig over a range of scene time, in short steps that do not block the interface."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .. import bridge
from ..core.rig.rig_map import RigMap
from .sampling import RigSource, sample

_running = 0


@dataclass(frozen=True)
class RangeStep:
    """The samples of one step of `sample_range`.

    Attributes
    ----------
    coefficients : tuple of Coefficients
        The samples of this step, in order.
    done, total : int
        Samples taken so far and in all.
    """

    coefficients: tuple[bridge.coefficients.Coefficients, ...]
    done: int
    total: int


def scene_fps(scene: Any) -> Fraction:
    """Return the scene's exact frame rate; 24 with base 1.001 gives 24000/1001 (23.976)."""
    base = Fraction(scene.render.fps_base).limit_denominator(10000)
    return Fraction(scene.render.fps) / base


def sample_times(
    first: int, last: int, scene_rate: Fraction, clip_rate: Fraction | None = None
) -> list[Fraction]:
    """Return the scene times, in frames, at which to sample.

    Parameters
    ----------
    first, last : int
        First and last frame, both included; negative ones are fine.
    scene_rate : Fraction
        Frames a second of the scene.
    clip_rate : Fraction, optional
        Frames a second wanted; the scene's own by default, which gives whole frames.

    Raises
    ------
    BadInput
        The range is empty or a rate is not above 0.
    """
    rate = scene_rate if clip_rate is None else clip_rate
    if last < first:
        raise bridge.errors.BadInput(
            f"the last frame ({last}) is before the first ({first}): set the frame range again"
        )
    if scene_rate <= 0 or rate <= 0:
        raise bridge.errors.BadInput("the frame rate must be above 0")
    step = scene_rate / rate
    count = math.floor((last - first) / step) + 1
    return [first + i * step for i in range(count)]


def is_sampling() -> bool:
    """Return whether a range is being sampled now: frame handlers should then do nothing."""
    return _running > 0


def sample_range(
    scene: Any,
    view_layer: Any,
    source: Callable[[], RigSource],
    rig_map: RigMap,
    times: list[Fraction],
    budget: float = 0.02,
) -> Iterator[RangeStep]:
    """Sample the rig at each time, a few at each step.

    Each ``next()`` works for about `budget` seconds and then restores the current frame, so that a
    timer can step it while Blender stays usable; the user may scrub in between.

    Parameters
    ----------
    scene : bpy.types.Scene
        The scene whose time is moved.
    view_layer : bpy.types.ViewLayer
        Its view layer; gives the depsgraph.
    source : callable
        Returns the `RigSource`; called once a step, for undo replaces objects.
    rig_map : RigMap
        The map to evaluate.
    times : list of Fraction
        From `sample_times`.
    budget : float
        Seconds for one step. At least one sample is taken in a step, however slow the scene is.

    Yields
    ------
    RangeStep
        The new samples.
    """
    done = 0
    while done < len(times):
        step = _sample_some(scene, view_layer, source(), rig_map, times[done:], budget)
        done += len(step)
        yield RangeStep(tuple(step), done, len(times))


def _sample_some(
    scene: Any,
    view_layer: Any,
    source: RigSource,
    rig_map: RigMap,
    times: list[Fraction],
    budget: float,
) -> list[bridge.coefficients.Coefficients]:
    global _running
    user_frame, user_subframe = scene.frame_current, scene.frame_subframe
    taken = []
    start = time.perf_counter()
    _running += 1
    try:
        for at in times:
            began = time.perf_counter()
            frame = math.floor(at)
            scene.frame_set(frame, subframe=float(at - frame))
            taken.append(sample(source, rig_map, view_layer.depsgraph))
            now = time.perf_counter()
            # Going back to the user's frame costs about as much as one more sample.
            if now - start + 2.0 * (now - began) > budget:
                break
    finally:
        scene.frame_set(user_frame, subframe=user_subframe)
        _running -= 1
    return taken
