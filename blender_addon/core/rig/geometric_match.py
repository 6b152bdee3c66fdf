# SPDX-License-Identifier: GPL-3.0-or-later
"""Matches shape keys of unknown names with expressions by their displacement fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .assignment import best_assignment
from .key_fields import Floats, MeshKeys, Neighbours, brute_neighbours, thin_face
from .mesh_alignment import Similarity, align_by_names, align_by_search, key_cosines
from .model_fields import Candidate, ModelFields, shipped_fields

# Cosine similarities at which confidence is 0 and 1: unrelated fields, and one expression on two
# different heads. Tuned on the test rigs.
_UNRELATED, _SAME = 0.25, 0.8
# A cosine this much above the second best counts as unambiguous. Tuned on the test rigs.
_CLEAR_LEAD = 0.12


@dataclass(frozen=True)
class FieldMatch:
    """The best match of one shape key.

    Attributes
    ----------
    shape_key : str
        Its name.
    targets : mapping of str to float
        {expression: scale}; empty when nothing is similar.
    label : str
        Label of the candidate.
    confidence : float
        0..1.
    """

    shape_key: str
    targets: Mapping[str, float]
    label: str
    confidence: float


@dataclass(frozen=True)
class GeometricMatch:
    """Result of `match_fields`.

    Attributes
    ----------
    matches : tuple of FieldMatch
        One for each unknown key, in the mesh's order.
    similarity : Similarity or None
        Takes the mesh to the face model; its ``1 / scale`` is the mesh's outer-eye-corner
        distance. None when it cannot be determined.
    """

    matches: tuple[FieldMatch, ...]
    similarity: Similarity | None


def match_fields(
    mesh: MeshKeys,
    known: Mapping[str, Mapping[str, float]] | None = None,
    fields: ModelFields | None = None,
    neighbours: Neighbours = brute_neighbours,
) -> GeometricMatch:
    """Match the displacement field of each shape key against the face model's expressions.

    Parameters
    ----------
    mesh : MeshKeys
        The user's mesh, with any topology, axes, scale and position; may be a whole body.
    known : mapping of shape key name to {expression: scale}, optional
        Keys matched by name: they help to align and are not matched again, and the expressions
        that they feed are not assigned again.
    fields : ModelFields, optional
        The model; the shipped one by default.
    neighbours : callable
        Nearest-neighbour search; `brute_neighbours` or one made from a k-d tree.

    Returns
    -------
    GeometricMatch
    """
    known = known or {}
    fields = fields or shipped_fields()
    mesh = thin_face(mesh)
    unknown = [i for i, name in enumerate(mesh.names) if name not in known]
    similarity = align_by_names(mesh, known, fields, neighbours)
    if similarity is None and unknown:
        similarity, _ = align_by_search(mesh, fields, neighbours)
    if similarity is None or not unknown:
        nothing = tuple(FieldMatch(mesh.names[i], {}, "", 0.0) for i in unknown)
        return GeometricMatch(nothing, similarity)
    part = MeshKeys(
        tuple(mesh.names[i] for i in unknown), mesh.neutral, mesh.displacements[unknown]
    )
    cosines = key_cosines(part, fields, similarity, neighbours)
    free = _free_candidates(fields.candidates, known)
    return GeometricMatch(_choose(part.names, cosines, fields.candidates, free), similarity)


def _free_candidates(
    candidates: tuple[Candidate, ...], known: Mapping[str, Mapping[str, float]]
) -> NDArray[np.bool_]:
    taken = {target for targets in known.values() for target in targets}
    return np.array([not taken.intersection(c.targets) for c in candidates])


def _choose(
    names: tuple[str, ...],
    cosines: Floats,
    candidates: tuple[Candidate, ...],
    free: NDArray[np.bool_],
) -> tuple[FieldMatch, ...]:
    """Assign a candidate of its own to each key, with a confidence."""
    open_cosines = np.where(free[None, :], cosines, -1.0)
    column = best_assignment(open_cosines)
    matches = []
    for row, name in enumerate(names):
        chosen = int(column[row])
        if chosen < 0 or open_cosines[row, chosen] <= _UNRELATED:
            matches.append(FieldMatch(name, {}, "", 0.0))
            continue
        confidence = confidence_of(cosines[row], chosen)
        candidate = candidates[chosen]
        matches.append(FieldMatch(name, candidate.targets, candidate.label, confidence))
    return tuple(matches)


def confidence_of(cosines: Floats, chosen: int) -> float:
    """Return 0..1 from the cosine of the chosen field and its lead over the others.

    Parameters
    ----------
    cosines : (c,) array
        Similarity of one key to all candidates.
    chosen : int
        Index of the chosen candidate.
    """
    alike = (float(cosines[chosen]) - _UNRELATED) / (_SAME - _UNRELATED)
    others = np.delete(cosines, chosen)
    lead = (float(cosines[chosen]) - float(others.max(initial=0.0))) / _CLEAR_LEAD
    return float(np.clip(alike, 0.0, 1.0) * (0.6 + 0.4 * np.clip(lead, -1.0, 1.0)))
