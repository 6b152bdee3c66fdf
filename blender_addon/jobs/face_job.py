# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on a portrait's face: fit it, read its light, or match it to a sample picture.

The backend writes a file; a function of the order then changes the scene by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import bridge
from ..backend import choose
from ..backend.clip_command import ClipOrder, ClipRun
from ..backend.command import Words
from ..core.edit import edit_groups
from ..core.rig import map_inverse
from ..data import edit_values, portraits, property_animation, rig_maps
from ..scene import (
    auto_mapping,
    baking,
    head_materials,
    head_rig,
    lamp_rig,
)
from . import background_jobs
from .background_jobs import CANCELLED, DONE, RunJob, scene_and_portrait

_ELSEWHERE = "The backend is another machine's: fit and match a face with a backend on this machine"
_LEAVE_MODE = "The head is ready: leave the current mode (Tab)"
_STOPPED = "Stopped: nothing was changed"
EXPRESSION, LIGHT, SKIN_TONE = "expression", "light", "skin_tone"
EDITS_OF = {
    LIGHT: ("light_direction_yaw", "light_direction_pitch", "light_amount", "ambient"),
    SKIN_TONE: ("skin_tone", "skin_warmth", "blush"),
}
LABELS = {EXPRESSION: "Expression", LIGHT: "Light", SKIN_TONE: "Skin Tone"}
_NAMED = 4  # names listed before "and N more"; as many as fit two lines of the sidebar
_HELD = "Keyframes will set again: turn auto-keying on, or remove them"
Apply = Callable[[Any, Any, Path], tuple[str, ...]]
"""Changes the scene, given context, portrait and the backend's file; returns message and notes."""


@dataclass(frozen=True)
class FaceOrder:
    """One order to the backend about a portrait's face.

    Attributes
    ----------
    arguments : tuple of str
        Of the backend's program, without portrait and ``--out``.
    done : str
        Message for when the backend has finished.
    undo : str
        What undo calls it.
    apply : callable
        See `Apply`.
    adds_objects : bool
        `apply` waits until Object Mode is on.
    """

    arguments: tuple[str, ...]
    done: str
    undo: str
    apply: Apply
    adds_objects: bool = False


class FaceJob(RunJob):
    """One order: the backend's command, then the change of the scene."""

    kind = "face"
    title = "work on the face"
    run: ClipRun

    def __init__(self, scene_name: str, uid: str, order: FaceOrder, run: ClipRun) -> None:
        super().__init__(run, uid)
        self.undo = order.undo
        self._scene_name, self._order = scene_name, order
        self._waits = False

    def progress_line(self) -> str:
        """Return what is being done, in words."""
        return _LEAVE_MODE if self._waits else super().progress_line()

    def cancel(self) -> None:
        """Stop it; nothing has been changed then."""
        super().cancel()
        if self._waits:
            self.end(CANCELLED, _STOPPED)

    def complete(self) -> None:
        """Change the scene by the backend's file, in Object Mode where objects are added."""
        self._waits = self._order.adds_objects and bpy.context.mode != "OBJECT"
        if self._waits:
            return
        scene, portrait = scene_and_portrait(self._scene_name, self.uid)
        out = self.run.order.out
        try:
            with _in_scene(scene):
                message, *notes = self._order.apply(bpy.context, portrait, out)
        finally:
            out.unlink(missing_ok=True)
        self.notes = (*notes, *(note[:1].upper() + note[1:] for note in self.run.notes))
        self.end(DONE, message)


def start(scene: Any, portrait: Any, order: FaceOrder) -> FaceJob:
    """Begin an order.

    Raises
    ------
    HeatError
        Something is missing, or the face is being worked on; the message says what.
    """
    if background_jobs.running("face", portrait.uid):
        raise bridge.errors.BadInput("The face of this portrait is being worked on")
    program = choose.command(_ELSEWHERE)
    verb, *rest = order.arguments
    arguments = [verb, "--portrait", str(_photo_file(portrait)), *rest]
    if portrait.face:
        arguments += ["--face", str(portrait.face)]
    out = temporary_file(portrait, ".npz")
    out.unlink(missing_ok=True)
    run = ClipRun(
        program.command,
        choose.whole_environment(program),
        ClipOrder(tuple(arguments), out, 0.0),
        Words(order.done, _STOPPED),
    )
    job = FaceJob(scene.name, portrait.uid, order, run)
    background_jobs.start(job)
    return job


def match_order(portrait: Any, take: str, sample: Path, sample_face: int) -> FaceOrder:
    """Return the order to match a sample picture.

    Parameters
    ----------
    portrait : HeatPortrait
    take : str
        One of `LABELS`.
    sample : Path
    sample_face : int
        Which face of the sample; 0 is the largest.

    Raises
    ------
    BadInput
        There is no such picture, or no rig that could take its expression.
    """
    if not sample.is_file():
        raise bridge.errors.BadInput(f'The picture "{sample.name}" is not there: choose it again')
    if take == EXPRESSION:
        reason = baking.complaint(portrait)
        if reason is None and rig_maps.shape_keys(portrait.mesh) is None:
            reason = "The face mesh has no shape keys to set"
        if reason:
            raise bridge.errors.BadInput(reason)
    arguments = ["match", "--sample", str(sample), "--take", take]
    if sample_face:
        arguments += ["--sample-face", str(sample_face)]
    if portrait.neutralise:
        arguments.append("--neutralise")

    def apply(_context: Any, owner: Any, out: Path) -> tuple[str, ...]:
        pose = bridge.motion_clip.load(out).frame(0)
        if take == EXPRESSION:
            return set_expression(owner, pose.expression)
        return set_edits(owner, take, dict(pose.edits))

    label = LABELS[take]
    return FaceOrder(tuple(arguments), f"{label} is read", f"Match {label}", apply)


def set_expression(portrait: Any, expression: NDArray[np.floating]) -> tuple[str, ...]:
    """Set the rig's shape keys to an expression (52,), and key them where Blender keys by itself.

    Returns
    -------
    tuple of str
        The message, then the notes.
    """
    keys = rig_maps.shape_keys(portrait.mesh)
    facts, rig_map = baking.face_facts(keys), rig_maps.to_rig_map(portrait)
    wanted = np.ones(len(expression), bool)
    table = np.asarray(expression, np.float64)[None]
    solved = map_inverse.inverse_keys(rig_map, table, wanted, facts.limits, frozenset(facts.paths))
    mapped = {r.shape_key for r in rig_map.keys if r.expression and not r.mute}
    values = {name: 0.0 for name in mapped if name in facts.limits}
    values |= {name: float(column[0]) for name, column in solved.values.items()}
    keyed = portrait.id_data.tool_settings.use_keyframe_insert_auto
    for name, value in values.items():
        block = keys.key_blocks[name]
        low, high = facts.limits[name]
        block.value = min(max(value, low), high)
        if keyed:
            block.keyframe_insert("value")
    moved = sum(abs(value) > map_inverse.STILL for value in values.values())
    notes = []
    if solved.left_out:
        notes.append(f"No shape key serves {_named(solved.left_out)}")
    if solved.short:
        notes.append(f"The limits of the shape keys hold back {_named(solved.short)}")
    if not keyed and property_animation.keyed(keys) & {facts.paths[name] for name in values}:
        notes.append(_HELD)
    return (f"Expression matched: {moved} shape keys", *notes)


def set_edits(portrait: Any, take: str, edits: dict[str, float]) -> tuple[str, ...]:
    """Set the edits of light or skin tone; those that the match leaves alone go to 0."""
    values = dict.fromkeys(EDITS_OF[take], 0.0) | edits
    edit_values.set_values(portrait, values)
    changes = ", ".join(f"{edit_groups.label(name)} {value:+.2g}" for name, value in edits.items())
    held = edit_values.set_again(portrait, values)
    return (f"{LABELS[take]} matched: {changes or 'as it is'}", *([held] if held else []))


def fit_order(*, lit: bool) -> FaceOrder:
    """Return the order to make the fitted head; see `add_head`."""

    def apply(context: Any, portrait: Any, out: Path) -> tuple[str, ...]:
        return add_head(context, portrait, out, lit=lit)

    return FaceOrder(("fit",), "The fit is here", "Send Fit to Scene", apply, adds_objects=True)


def add_head(context: Any, portrait: Any, path: Path, *, lit: bool) -> tuple[str, ...]:
    """Add the head of a fit; a portrait without a rig gets it as its own.

    Parameters
    ----------
    context : bpy.types.Context
    portrait : HeatPortrait
    path : Path
        The file that `heat fit` wrote.
    lit : bool
        See `head_materials.give_photo_materials`.

    Returns
    -------
    tuple of str
        The message, then the notes.

    Raises
    ------
    BadInput
        The file is no fit, or the scene cannot be changed.
    """
    fit = bridge.fit_file.read_head(path)
    name = (portrait.name or "Portrait")[:40]
    head = head_rig.Head(
        f"{name} Fit",
        f"{name} Head",
        f"{name} Armature",
        fit.vertices,
        fit.shapes,
        lambda data: head_materials.give_photo_materials(data, fit, name, lit=lit),
    )
    mesh, armature = head_rig.add_head(context, head)
    if portrait.mesh is not None or portrait.armature is not None:
        return (
            f'"{mesh.name}" is in the scene',
            f'The portrait keeps its rig: choose "{mesh.name}" as its face mesh to pose it by that',
        )
    portrait.mesh, portrait.armature = mesh, armature
    auto_mapping.map_portrait(portrait)
    head_rig.show_selected(context.scene)
    return (f'"{mesh.name}" is in the scene and drives the portrait',)


def light_order() -> FaceOrder:
    """Return the order to read the photo's own light; see `note_light`."""
    return FaceOrder(("fit",), "The light is found", "Own Light from Photo", note_light)


def note_light(_context: Any, portrait: Any, path: Path) -> tuple[str, ...]:
    """Note the direction of a fit's light as that of the photo's own; return the message.

    Raises
    ------
    BadInput
        The file is no fit.
    """
    yaw, pitch = lamp_rig.angles(bridge.fit_file.read_light(path))
    portrait.edits.photo_light_yaw, portrait.edits.photo_light_pitch = yaw, pitch
    side = "right" if yaw >= 0.0 else "left"
    height = "below" if pitch >= 0.0 else "above"
    return (
        f"The photo's light comes from {abs(yaw):.0f} degrees image {side}, "
        f"{abs(pitch):.0f} degrees {height}",
    )


def _photo_file(portrait: Any) -> Path:
    """Return the photo as a file; an image of the .blend is written to one."""
    source = portraits.portrait_source(portrait)
    if source.path is not None:
        return Path(source.path)
    assert source.pixels is not None
    height, width = source.pixels.shape[:2]
    path = temporary_file(portrait, ".ppm")
    path.write_bytes(f"P6 {width} {height} 255\n".encode() + source.pixels.tobytes())
    return path


def temporary_file(portrait: Any, suffix: str) -> Path:
    """Return a place in Blender's own temporary folder, which goes when Blender ends."""
    # A .blend may hold anything as an identifier, even a way out of the folder.
    name = hashlib.sha256(portrait.uid.encode("utf-8", "replace")).hexdigest()[:32]
    return Path(bpy.app.tempdir) / f"heat-{name}{suffix}"


@contextmanager
def _in_scene(scene: Any) -> Iterator[None]:
    """Let operators work in a scene, wherever the call comes from."""
    windows = bpy.context.window_manager.windows
    own = [window for window in windows if window.scene == scene]
    if own:
        with bpy.context.temp_override(window=own[0]):
            yield
        return
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        yield


def _named(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
