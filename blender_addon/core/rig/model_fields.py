# SPDX-License-Identifier: GPL-3.0-or-later
"""Displacement fields of the face model's expressions, to compare unknown shape keys with."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import bridge
from .key_fields import Floats, energy_centres, thin_evenly

if TYPE_CHECKING:
    from bridge.face_model import FaceModel

# Sample points on skin and on the front of each eyeball: dense enough to separate the lids' fields.
SAMPLES = 1400
EYE_SAMPLES = 120
# Prefixes of expressions without left and right halves: jaw and tongue are single parts.
_WHOLE = ("jaw", "tongue", "mouthClose")
# Stems whose left and right exclude each other: no rig has them as one key.
_NO_PAIR = ("mouth", "jaw")


@dataclass(frozen=True)
class Candidate:
    """An expression, or combination of expressions, that a shape key may be.

    Attributes
    ----------
    targets : mapping of str to float
        {expression: scale} for the rig map.
    label : str
        For messages and tests, such as "eyeBlinkLeft" or "eyeBlinkLeft + eyeBlinkRight".
    """

    targets: Mapping[str, float]
    label: str


@dataclass(frozen=True)
class ModelFields:
    """Sample points on the face model and their displacement by each candidate.

    Attributes
    ----------
    points : (q, 3) array
        In the contract's axes, outer-eye-corner distance = 1.
    is_eyeball : (q,) array of bool
        Points on the eyeballs.
    candidates : tuple of c Candidate
        Single expressions first, in the contract's order, then pairs and halves.
    fields : (c, q, 3) array
        Displacements at coefficient 1.
    centres : (c, 3) array
        Centres by `energy_centres`, without eyeballs.
    spreads : (c,) array
        Spreads by `energy_centres`, without eyeballs.
    """

    points: Floats
    is_eyeball: NDArray[np.bool_]
    candidates: tuple[Candidate, ...]
    fields: Floats
    centres: Floats
    spreads: Floats


@functools.lru_cache(maxsize=1)
def shipped_fields() -> ModelFields:
    """Return the fields of the shipped face model, cached."""
    return model_fields(bridge.face_model.load())


def model_fields(model: FaceModel) -> ModelFields:
    """Sample a face model.

    Parameters
    ----------
    model : FaceModel
        Its skin, tongue and eyeballs are used.
    """
    part = np.array(bridge.face_model.PART_NAMES)[model.vertex_part]
    moving = np.linalg.norm(model.expression, axis=2).max(axis=0) > 0.01
    skin = np.flatnonzero(moving & np.isin(part, ["face", "head", "neck", "tongue"]))
    skin = skin[thin_evenly(model.vertices[skin], SAMPLES)]
    eyes = np.concatenate([_front_of_eye(model, part, side) for side in (0, 1)])
    index = np.concatenate([skin, eyes])
    single: Floats = model.expression[:, index].astype(np.float32)
    single = single + gaze_displacements(model)[:, index]
    points = model.vertices[index].astype(np.float32)
    candidates, fields = _with_pairs_and_halves(points, single)
    is_eyeball = np.arange(len(index)) >= len(skin)
    centres, spreads = energy_centres(points[~is_eyeball], fields[:, ~is_eyeball])
    return ModelFields(points, is_eyeball, candidates, fields, centres, spreads)


def _front_of_eye(model: FaceModel, part: NDArray[np.str_], side: int) -> NDArray[np.intp]:
    """Return vertices of the visible front of one eyeball."""
    index = np.flatnonzero(part == ("eye_left", "eye_right")[side])
    offset = model.vertices[index] - model.eye_center[side]
    index = index[offset[:, 2] > 0.6 * model.eye_radius[side]]
    return index[thin_evenly(model.vertices[index], EYE_SAMPLES)]


def gaze_displacements(model: FaceModel) -> Floats:
    """Return the displacement of the eyeballs' vertices by rotation for each of the 52 expressions.

    Returns
    -------
    (52, V, 3) array
        Zero but for eyeLook* on the vertices of the eyeballs.
    """
    moved = np.zeros((len(bridge.coefficients.EXPRESSION_NAMES), *model.vertices.shape), np.float32)
    for i, name in enumerate(bridge.coefficients.EXPRESSION_NAMES):
        if not name.startswith("eyeLook"):
            continue
        expression = np.zeros(len(moved), np.float32)
        expression[i] = 1.0
        pitch_yaw = bridge.face_model.gaze_angles(expression)
        for side, part in enumerate(("eye_left", "eye_right")):
            index = np.flatnonzero(model.vertex_part == bridge.face_model.PART_NAMES.index(part))
            turn = bridge.pose.rotation_matrix((*pitch_yaw[side], 0.0))
            offset = model.vertices[index] - model.eye_center[side]
            moved[i, index] = offset @ (turn - np.eye(3)).T
    return moved


def _with_pairs_and_halves(points: Floats, single: Floats) -> tuple[tuple[Candidate, ...], Floats]:
    names = bridge.coefficients.EXPRESSION_NAMES
    index = bridge.coefficients.EXPRESSION_INDEX
    candidates = [Candidate({name: 1.0}, name) for name in names]
    fields = [single]
    # Weight of the subject's left half, blended over 0.1 eye distances to each side of the middle.
    left = np.clip(points[:, :1] / 0.1 * 0.5 + 0.5, 0.0, 1.0).astype(np.float32)
    for name in names:
        sided = re.fullmatch(r"(.+)(Left|Right)", name)
        if sided is None and not name.startswith(_WHOLE):
            for side, share in (("left", left), ("right", 1.0 - left)):
                candidates.append(Candidate({name: 0.5}, f"{side} half of {name}"))
                fields.append(single[index[name]][None] * share)
        if sided and sided[2] == "Left" and sided[1] not in _NO_PAIR:
            other = f"{sided[1]}Right"
            candidates.append(Candidate({name: 1.0, other: 1.0}, f"{name} + {other}"))
            fields.append((single[index[name]] + single[index[other]])[None])
    for out, into in (("Left", "Right"), ("Right", "Left")):
        targets = {f"eyeLookOut{out}": 1.0, f"eyeLookIn{into}": 1.0}
        candidates.append(Candidate(targets, " + ".join(targets)))
        fields.append(sum(single[index[t]] for t in targets)[None])
    return tuple(candidates), np.concatenate(fields).astype(np.float32)


def target_field(fields: ModelFields, targets: Mapping[str, float]) -> Floats:
    """Return the (q, 3) field of a weighted sum of expressions."""
    index = bridge.coefficients.EXPRESSION_INDEX
    total = np.zeros_like(fields.points)
    for name, scale in targets.items():
        total += np.float32(scale) * fields.fields[index[name]]
    return total
