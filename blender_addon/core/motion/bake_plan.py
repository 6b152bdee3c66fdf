# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans a bake: computes the f-curves of one rig from a motion clip, in a thread.

Channels that the rig does not have are reported in notes; the others are baked. No bpy here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ... import bridge
from ..rig import head_bone, map_inverse
from ..rig.rig_map import RigMap
from . import key_reduction, shaping
from .key_reduction import Keys

Array = NDArray[np.float64]
Progress = Callable[[float], None]

# Upper limit of most edits. The tolerance of an edit in other units, such as degrees, is scaled by
# its limit over this one.
_USUAL_HIGH = 3.0
_ROTATION_FIELDS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


@dataclass(frozen=True)
class Curve:
    """One f-curve: data path, array index, action group ("" for none), its column of `keys`."""

    path: str
    index: int
    group: str
    keys: Keys
    column: int = 0

    @property
    def channel(self) -> tuple[str, int]:
        """Data path and array index."""
        return self.path, self.index


@dataclass(frozen=True)
class FaceFacts:
    """The shape keys of a mesh.

    Attributes
    ----------
    paths : mapping of str to str
        Data path of every key's value, by the key's name.
    limits : mapping of str to (float, float)
        Lowest and highest value of the keys that may be animated: not muted and not driven.
    """

    paths: Mapping[str, str]
    limits: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class HeadFacts:
    """The head bone.

    Attributes
    ----------
    name, path : str
        Name of the bone, and its data path.
    rest : (4, 4) array
        In armature space.
    axes : (3, 3) array
        From ``head_bone.axes_of``.
    rotation_mode : str
        Blender's identifier.
    eye_distance : float
        In armature-space units.
    connected : bool
        Connected to its parent: it has no location.
    driven : frozenset of str
        Data paths of the armature that have drivers.
    """

    name: str
    path: str
    rest: Array
    axes: Array
    rotation_mode: str
    eye_distance: float
    connected: bool
    driven: frozenset[str]


@dataclass(frozen=True)
class EditFacts:
    """A portrait's edits.

    Attributes
    ----------
    paths : mapping of str to str
        Data path of every edit's value, by its name.
    driven : frozenset of str
        Paths that have drivers.
    """

    paths: Mapping[str, str]
    driven: frozenset[str]


@dataclass(frozen=True, eq=False)
class BakeOrder:
    """Everything that a bake depends on.

    Attributes
    ----------
    face, head, edits : facts or None
        None for what is not baked.
    wanted : (52,) bool array
        Expressions to bake.
    tolerance : float
        In the units of coefficients; 0 keeps every frame.
    """

    rig_map: RigMap
    face: FaceFacts | None
    head: HeadFacts | None
    wanted: NDArray[np.bool_]
    use_shift: bool
    tolerance: float
    timing: shaping.Timing
    shaping: shaping.Shaping
    edits: EditFacts | None = None


@dataclass(frozen=True)
class BakePlan:
    """F-curves to write from frame `first` on, and notes for the user."""

    first: int
    frames: int
    face: tuple[Curve, ...] = ()
    head: tuple[Curve, ...] = ()
    edits: tuple[Curve, ...] = ()
    notes: tuple[str, ...] = field(default=())


def plan(
    order: BakeOrder, clip: bridge.motion_clip.MotionClip, progress: Progress = lambda _: None
) -> BakePlan:
    """Turn a clip into curves.

    Parameters
    ----------
    progress : callable
        Called with 0..1; may raise to stop the work.

    Raises
    ------
    BadInput
        There is nothing to bake; the message says why.
    """
    motion = shaping.shaped(clip, order.timing, order.shaping)
    notes: list[str] = []
    face: tuple[Curve, ...] = ()
    head: tuple[Curve, ...] = ()
    if order.head is not None:
        head = _head_curves(order, order.head, motion, notes)
    if order.face is not None:
        face = _face_curves(order, order.face, motion, notes, progress)
    edits = () if order.edits is None else _edit_curves(order, order.edits, motion, notes)
    if not face and not head and not edits:
        reason = notes[0] if notes else "the motion is still in all the parts that are chosen"
        raise bridge.errors.BadInput(f"Nothing to bake: {reason}")
    return BakePlan(motion.first, len(motion), face, head, edits, tuple(notes))


def _edit_curves(
    order: BakeOrder, facts: EditFacts, motion: shaping.Motion, notes: list[str]
) -> tuple[Curve, ...]:
    """Return the f-curves of a clip's edits; one that is 0 throughout gets none."""
    wanted = {name: values for name, values in motion.edits.items() if values.any()}
    missing = tuple(name for name in wanted if name not in facts.paths)
    if missing:
        notes.append(f"Add these under Attributes to bake them: {short_list(missing)}")
    driven = tuple(n for n in wanted if facts.paths.get(n) in facts.driven)
    if driven:
        notes.append(f"Driven edits are left alone: {short_list(driven)}")
    curves = []
    for name in sorted(set(wanted) - {*missing, *driven}):
        edit = bridge.edits.EDIT_BY_NAME.get(name)
        unit = 1.0 if edit is None else max(1.0, edit.high / _USUAL_HIGH)
        keys = key_reduction.reduced(wanted[name][:, None], order.tolerance * unit)
        curves.append(Curve(facts.paths[name], 0, "", keys))
    return tuple(curves)


def _face_curves(
    order: BakeOrder,
    facts: FaceFacts,
    motion: shaping.Motion,
    notes: list[str],
    progress: Progress,
) -> tuple[Curve, ...]:
    found = map_inverse.inverse_keys(
        order.rig_map, motion.expression, order.wanted, facts.limits, frozenset(facts.paths)
    )
    curves = []
    for done, (name, values) in enumerate(found.values.items()):
        progress(done / len(found.values))
        keys = key_reduction.reduced(values[:, None], order.tolerance / found.gain[name])
        curves.append(Curve(facts.paths[name], 0, "", keys))
    if found.left_out:
        notes.append(f"No shape key serves {short_list(found.left_out)}: left out")
    if found.short:
        short = short_list(found.short)
        notes.append(f"Held back by limits of shape keys, or by keys they share: {short}")
    mapped = {row.shape_key for row in order.rig_map.keys if row.expression and not row.mute}
    idle = tuple(name for name in facts.paths if name in mapped and name not in facts.limits)
    if idle:
        notes.append(f"Muted or driven shape keys are left alone: {short_list(idle)}")
    return tuple(curves)


def _head_curves(
    order: BakeOrder, facts: HeadFacts, motion: shaping.Motion, notes: list[str]
) -> tuple[Curve, ...]:
    shift = motion.translation if order.use_shift else None
    if shift is not None and facts.connected:
        notes.append(f'"{facts.name}" is connected to its parent: it cannot shift')
        shift = None
    found = map_inverse.inverse_pose(order.rig_map.bones, motion.rotation, shift)
    if found.left_out:
        missing = short_list(found.left_out)
        notes.append(f"No head bone row serves {missing}: left out")
    curves: list[Curve] = []
    if found.rotation is not None:
        turns = head_bone.bone_turns(found.rotation, facts.rest, facts.axes)
        curves += _rotation_curves(facts, turns, order.tolerance)
    if found.translation is not None:
        size = facts.eye_distance
        table = head_bone.bone_shifts(found.translation, facts.rest, facts.axes, size)
        curves += _curves(facts, "location", table, order.tolerance * size)
    if any(curve.path in facts.driven for curve in curves):
        notes.append(f'"{facts.name}" has drivers: the head is left alone')
        return ()
    return tuple(curves)


def _rotation_curves(facts: HeadFacts, turns: Array, tolerance: float) -> list[Curve]:
    """Return the f-curves of a bone's rotation in its rotation mode."""
    mode = facts.rotation_mode
    if mode not in _ROTATION_FIELDS:
        return _curves(facts, "rotation_euler", head_bone.euler_angles(turns, mode), tolerance)
    table = head_bone.quaternions(turns)
    if mode == "AXIS_ANGLE":
        table = head_bone.axis_angles(table)
    else:
        tolerance /= 2.0  # a quaternion's components change by half the angle
    return _curves(facts, _ROTATION_FIELDS[mode], table, tolerance)


def _curves(facts: HeadFacts, name: str, table: Array, tolerance: float) -> list[Curve]:
    keys = key_reduction.reduced(np.asarray(table, float), tolerance)
    path = f"{facts.path}.{name}"
    return [Curve(path, i, facts.name, keys, i) for i in range(table.shape[1])]


def short_list(names: tuple[str, ...], most: int = 4) -> str:
    """Return names for a sentence, a long list cut short: "a, b and 3 more"."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


@dataclass(frozen=True)
class ClipFiles:
    """The motion clip to bake, and optionally a voice clip that replaces its mouth.

    Attributes
    ----------
    clip : Path
    begin : float
        Seconds of the media before the clip's first frame.
    voice : Path or None
        Clip of the voice, from second 0 of the media.
    voice_share : float
        0..1, weight of the voice in the mouth.
    """

    clip: Path
    begin: float = 0.0
    voice: Path | None = None
    voice_share: float = 1.0

    def load(self) -> bridge.motion_clip.MotionClip:
        """Load the clip, mixed with the voice.

        Raises
        ------
        HeatError
            A file is not a motion clip, or the two do not overlap.
        """
        clip = bridge.motion_clip.load(self.clip)
        if self.voice is None:
            return clip
        voice, share = bridge.motion_clip.load(self.voice), {"mouth": self.voice_share}
        return bridge.motion_mix.laid_over(clip, voice, share, -self.begin)


class PlanRun:
    """Computes a plan in a thread; `fraction` is its progress, 0..1.

    Parameters
    ----------
    order : BakeOrder
    clips : ClipFiles
    """

    def __init__(self, order: BakeOrder, clips: ClipFiles) -> None:
        self.fraction = 0.0
        self._order, self._clips = order, clips
        self._result: BakePlan | None = None
        self._error: Exception | None = None
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heat-bake", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """Stop at the next step of progress."""
        self._cancelled.set()

    def result(self) -> BakePlan:
        """Wait for the plan.

        Raises
        ------
        Cancelled
            It was stopped.
        HeatError
            The clip cannot be read, or nothing would be baked.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            self._result = plan(self._order, self._clips.load(), self._on_progress)
        except Exception as error:  # raised again by `result`
            self._error = error

    def _on_progress(self, fraction: float) -> None:
        if self._cancelled.is_set():
            raise bridge.errors.Cancelled("Stopped: nothing was baked")
        self.fraction = fraction
