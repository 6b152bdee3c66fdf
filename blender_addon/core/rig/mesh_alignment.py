# SPDX-License-Identifier: GPL-3.0-or-later
"""Aligns a user's mesh with the face model by a similarity transform.

It compares where shape keys act, not surfaces, so it works for whole bodies, any topology, scale
and offset, and stylised heads. Keys known by name give the transform from their centres; without
them many starts are tried, and the one wins whose keys are most similar to the model's expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ... import bridge
from .assignment import best_assignment
from .head_bone import FACINGS, axes_of
from .key_fields import Floats, MeshKeys, Neighbours, energy_centres, resample, thin_evenly
from .model_fields import ModelFields, target_field

# A model point farther than this from the mesh, in eye distances, is on a part that the mesh lacks.
REACH = 0.12
# Starts of the search: scales relative to the spread of the keys' centres, and groups of
# expressions whose centres are aligned with them ("" is all).
_SEARCH_SCALES = (0.6, 0.75, 0.95, 1.2, 1.5)
_REGIONS = (("",), ("eye", "brow"), ("mouth", "jaw"), ("eyeBlink",))
# Sizes of the search, so that it takes about a second: model points, mesh vertices, shape keys.
_SEARCH_POINTS = 220
_SEARCH_VERTICES = 1800
_SEARCH_KEYS = 60
# Tuned on the test rigs: the cosine from which a pair of fields is used for fitting, the penalty
# on a different strength (per squared factor of two), and on gaze where only lids move.
_PAIRED = 0.45
_STRENGTH_PENALTY = 0.06
_GAZE_BY_LIDS_ONLY = 0.97


@dataclass(frozen=True)
class Similarity:
    """Transform from mesh space to model space: ``model = scale * axes @ mesh + shift``.

    Attributes
    ----------
    scale : float
        1 / outer-eye-corner distance of the mesh.
    axes : (3, 3) array
        Rotation from the mesh's axes to the contract's.
    shift : (3,) array
        In eye distances.
    facing : str
        The key of ``head_bone.FACINGS`` nearest to `axes`.
    """

    scale: float
    axes: Floats
    shift: Floats
    facing: str

    def points(self, mesh_points: Floats) -> Floats:
        """Transform (..., 3) positions from mesh to model space."""
        return self.scale * mesh_points @ self.axes.T + self.shift

    def vectors(self, mesh_vectors: Floats) -> Floats:
        """Transform (..., 3) displacements from mesh to model space."""
        return self.scale * mesh_vectors @ self.axes.T


def align_by_names(
    mesh: MeshKeys,
    known: Mapping[str, Mapping[str, float]],
    fields: ModelFields,
    neighbours: Neighbours,
) -> Similarity | None:
    """Align by keys that are known by name.

    Parameters
    ----------
    mesh : MeshKeys
        The user's mesh.
    known : mapping of shape key name to {expression: scale}
        At least two that move the mesh are needed.
    fields : ModelFields
        The model.
    neighbours : callable
        See ``key_fields.Neighbours``.

    Returns
    -------
    Similarity or None
        None when the keys do not determine it.
    """
    rows = [i for i, name in enumerate(mesh.names) if known.get(name)]
    if len(rows) < 2:
        return None
    skin = ~fields.is_eyeball
    targets = np.stack([target_field(fields, known[mesh.names[i]])[skin] for i in rows])
    model_centres, _ = energy_centres(fields.points[skin], targets)
    mesh_centres, _ = energy_centres(mesh.neutral, mesh.displacements[rows])
    use = np.isfinite(mesh_centres).all(axis=1) & np.isfinite(model_centres).all(axis=1)
    best, best_score = None, 0.0
    for facing in FACINGS:
        start = Similarity(1.0, axes_of(facing), np.zeros(3), facing)
        fitted = _fit_centres(start, mesh_centres[use], model_centres[use], turn=False)
        if fitted is None:
            continue
        agreement = _direction_agreement(fitted, mesh.displacements[rows][use], targets[use])
        error = np.linalg.norm(fitted.points(mesh_centres[use]) - model_centres[use], axis=1)
        score = agreement - float(np.median(error))
        if best is None or score > best_score:
            best, best_score = fitted, score
    if best is None:
        return None
    part = MeshKeys(tuple(mesh.names[i] for i in rows), mesh.neutral, mesh.displacements[rows])
    return _polish(*_thinned(part, fields), best, neighbours)[1]


def _direction_agreement(at: Similarity, moved: Floats, expected: Floats) -> float:
    """Return the mean cosine between mean displacements of keys and their expressions."""
    a, b = at.vectors(moved.sum(axis=1)), expected.sum(axis=1)
    size = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(np.mean(np.einsum("nd,nd->n", a, b) / np.maximum(size, 1e-12)))


def _fit_centres(
    start: Similarity, mesh_centres: Floats, model_centres: Floats, *, turn: bool
) -> Similarity | None:
    """Fit scale and shift (optionally a small rotation) to pairs of centres, robust to outliers."""
    source = mesh_centres @ start.axes.T
    weight = np.ones(len(source))
    found = None
    for _ in range(6):
        total = weight.sum()
        a = source - (weight @ source) / total
        b = model_centres - (weight @ model_centres) / total
        spread = float(weight @ np.einsum("nd,nd->n", a, a))
        if spread <= 1e-20:
            return None
        rotation = _rotation(a, b, weight) if turn else np.eye(3)
        scale = float(weight @ np.einsum("nd,nd->n", a @ rotation.T, b)) / spread
        if scale <= 0.0:
            return None
        shift = (weight @ (model_centres - scale * source @ rotation.T)) / total
        found = replace(start, scale=scale, axes=rotation @ start.axes, shift=shift)
        error = np.linalg.norm(found.points(mesh_centres) - model_centres, axis=1)
        weight = 1.0 / (1.0 + (error / max(float(np.median(error)), 0.02)) ** 2)
    return found


def _rotation(a: Floats, b: Floats, weight: Floats) -> Floats:
    """Return the rotation from a to b (Kabsch 1976), or the identity if it exceeds 40 degrees."""
    u, _, vt = np.linalg.svd((b * weight[:, None]).T @ a)
    u = u * np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ vt
    return rotation if np.trace(rotation) > 1.0 + 2.0 * np.cos(np.radians(40.0)) else np.eye(3)


def align_by_search(
    mesh: MeshKeys, fields: ModelFields, neighbours: Neighbours
) -> tuple[Similarity | None, float]:
    """Align without known keys: try axes, scales and positions, return the best.

    Parameters
    ----------
    mesh : MeshKeys
        The user's mesh.
    fields : ModelFields
        The model.
    neighbours : callable
        See ``key_fields.Neighbours``.

    Returns
    -------
    similarity : Similarity or None
        None when no key moves anything.
    score : float
        Mean best cosine of the keys, 0..1.
    """
    centres, _ = energy_centres(mesh.neutral, mesh.displacements)
    moving = np.flatnonzero(np.isfinite(centres).all(axis=1))
    if len(moving) == 0:
        return None, 0.0
    moving = moving[:: len(moving) // _SEARCH_KEYS + 1]
    centres = centres[moving]
    mesh = MeshKeys(tuple(mesh.names[i] for i in moving), mesh.neutral, mesh.displacements[moving])
    small, coarse = _thinned(mesh, fields)
    ranked = []
    for start in _starts(centres, fields):
        ranked.append((_score(small, coarse, start, neighbours)[0], start))
    ranked.sort(key=lambda pair: -pair[0])
    refined = [_refine(small, coarse, start, neighbours, rounds=4) for _, start in ranked[:6]]
    best = max(refined, key=lambda pair: pair[0])[1]
    score, best = _polish(small, coarse, best, neighbours)
    return best, score


def _thinned(mesh: MeshKeys, fields: ModelFields) -> tuple[MeshKeys, ModelFields]:
    """Return both with fewer points, for the many comparisons of a search."""
    kept = thin_evenly(mesh.neutral, _SEARCH_VERTICES)
    query = thin_evenly(fields.points, _SEARCH_POINTS)
    coarse = replace(
        fields,
        points=fields.points[query],
        is_eyeball=fields.is_eyeball[query],
        fields=fields.fields[:, query],
    )
    return MeshKeys(mesh.names, mesh.neutral[kept], mesh.displacements[:, kept]), coarse


def _starts(centres: Floats, fields: ModelFields) -> list[Similarity]:
    """Return starts of the search, which align the keys' centres with the expressions'.

    A rig may have keys of the eyes or of the mouth only: each region gives starts of its own.
    """
    names = bridge.coefficients.EXPRESSION_NAMES
    middle, size = _middle_and_size(centres)
    starts = []
    for prefixes in _REGIONS:
        region = [i for i, name in enumerate(names) if name.startswith(prefixes)]
        model_middle, model_size = _middle_and_size(fields.centres[region])
        for facing in FACINGS:
            axes = axes_of(facing)
            for factor in _SEARCH_SCALES:
                scale = factor * model_size / size
                shift = model_middle - scale * axes @ middle
                starts.append(Similarity(scale, axes, shift, facing))
    return starts


def _middle_and_size(centres: Floats) -> tuple[Floats, float]:
    middle = np.median(centres, axis=0)
    size = float(np.median(np.linalg.norm(centres - middle, axis=1)))
    tiny = 1e-6 * float(np.abs(centres).max())
    return middle, size if size > tiny else 1.0


def _score(
    mesh: MeshKeys, fields: ModelFields, at: Similarity, neighbours: Neighbours
) -> tuple[float, Floats]:
    cosines = key_cosines(mesh, fields, at, neighbours)
    return float(np.mean(np.maximum(cosines.max(axis=1), 0.0))), cosines


def key_cosines(
    mesh: MeshKeys, fields: ModelFields, at: Similarity, neighbours: Neighbours
) -> Floats:
    """Return the similarity of every key to every candidate.

    Returns
    -------
    (n, c) array
        Cosine similarity of the displacement fields, the larger of with and without eyeballs;
        lower where the mesh covers only part of the model. 0 for a key that moves nothing.
    """
    reach = REACH / at.scale
    queries = (fields.points - at.shift) @ at.axes / at.scale
    moved, known = resample(mesh.neutral, mesh.displacements, queries, neighbours, reach=reach)
    moved = at.vectors(moved).astype(np.float32)
    skin = _cosines(moved, fields.fields, known & ~fields.is_eyeball, ~fields.is_eyeball)
    # Looking down half closes the lid. Where no eyeball rotates, a blink is more likely.
    gaze = [any(t.startswith("eyeLook") for t in c.targets) for c in fields.candidates]
    skin[:, gaze] *= _GAZE_BY_LIDS_ONLY
    everything = np.ones(len(known), bool)
    return np.maximum(skin, _cosines(moved, fields.fields, known, everything))


def _cosines(
    moved: Floats, fields: Floats, use: NDArray[np.bool_], domain: NDArray[np.bool_]
) -> Floats:
    a = moved[:, use].reshape(len(moved), -1)
    b = fields[:, use].reshape(len(fields), -1)
    a_size = np.linalg.norm(a, axis=1)
    # The part of an expression where the mesh has no vertices lowers its similarity.
    b_size = np.linalg.norm(fields[:, domain].reshape(len(fields), -1), axis=1)
    size = a_size[:, None] * b_size[None, :]
    cosine = np.where(size > 1e-12, a @ b.T / np.maximum(size, 1e-12), 0.0)
    # A field much weaker or stronger than the model's is a little less likely to be the same: this
    # separates a blink from the half-closed lid of looking down.
    strength = np.log2(np.maximum(a_size, 1e-12))[:, None] - np.log2(np.maximum(b_size, 1e-12))
    return cosine / (1.0 + _STRENGTH_PENALTY * strength**2)


def _refine(
    mesh: MeshKeys, fields: ModelFields, at: Similarity, neighbours: Neighbours, rounds: int
) -> tuple[float, Similarity]:
    """Alternate matching keys and fitting the transform to the centres of matched pairs."""
    score, cosines = _score(mesh, fields, at, neighbours)
    best, best_score = at, score
    mesh_centres, _ = energy_centres(mesh.neutral, mesh.displacements)
    for _ in range(rounds):
        column = best_assignment(cosines)
        rows = np.flatnonzero(column >= 0)
        rows = rows[cosines[rows, column[rows]] > _PAIRED]
        rows = rows[np.isfinite(fields.centres[column[rows]]).all(axis=1)]
        if len(rows) < 2:
            break
        fitted = _fit_centres(
            best, mesh_centres[rows], fields.centres[column[rows]], turn=len(rows) >= 8
        )
        if fitted is None:
            break
        score, cosines = _score(mesh, fields, fitted, neighbours)
        if score <= best_score:
            break
        best, best_score = fitted, score
    return best_score, best


def _polish(
    mesh: MeshKeys, fields: ModelFields, at: Similarity, neighbours: Neighbours
) -> tuple[float, Similarity]:
    """Improve the score by coordinate search: small changes of scale, position and pitch."""
    best, best_score = at, _score(mesh, fields, at, neighbours)[0]
    middle = np.mean(fields.points, axis=0)
    for step in (0.06, 0.03, 0.015):
        for change in _small_changes(step):
            moved = _changed(best, change, middle)
            score = _score(mesh, fields, moved, neighbours)[0]
            if score > best_score:
                best, best_score = moved, score
    return best_score, best


def _small_changes(step: float) -> list[Floats]:
    """Return (scale, x, y, z, pitch) changes: one coordinate each, in both directions."""
    return [sign * step * row for row in np.eye(5) for sign in (1.0, -1.0)]


def _changed(at: Similarity, change: Floats, middle: Floats) -> Similarity:
    """Scale, rotate and translate about the centre of the face."""
    factor = 1.0 + change[0]
    turn = bridge.pose.rotation_matrix((change[4], 0.0, 0.0))
    shift = factor * turn @ (at.shift - middle) + middle + change[1:4]
    return replace(at, scale=at.scale * factor, axes=turn @ at.axes, shift=shift)
