# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape keys with meaningless names are found by how they move the mesh."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from blender_addon.core.rig import geometric_match, model_fields
from blender_addon.core.rig.assignment import best_assignment
from blender_addon.core.rig.auto_map import ACCEPTED, auto_map, notes_of
from blender_addon.core.rig.head_bone import axes_of
from blender_addon.core.rig.key_fields import MeshKeys, brute_neighbours, thin_evenly
from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.pose import rotation_matrix

pytestmark = pytest.mark.slow

MODEL = face_model.load()
EVERY = tuple(EXPRESSION_NAMES)


def strangers_mesh(
    seed,
    *,
    expressions=EVERY,
    keep=0.4,
    person=0.0,
    noise=0.0,
    scale=1.0,
    facing="NEG_Y",
    tilt=0.0,
    body=0,
    eyeballs=True,
):
    """Return somebody else's head as MeshKeys with shuffled keys "k0", "k1" ..., and the truth."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=len(MODEL.identity)) * person
    vertices = face_model.shape(MODEL, weights, np.zeros(52))
    moved = MODEL.expression + model_fields.gaze_displacements(MODEL)
    part = np.array(face_model.PART_NAMES)[MODEL.vertex_part]
    usable = np.flatnonzero(eyeballs | ~np.char.startswith(part, "eye"))
    kept = rng.permutation(usable)[: int(len(usable) * keep)]
    vertices, moved = vertices[kept], moved[:, kept]
    vertices = vertices + rng.normal(size=vertices.shape) * noise
    moving = np.linalg.norm(moved, axis=2, keepdims=True) > 0
    moved = moved + moving * rng.normal(size=moved.shape) * noise * 0.2
    if body:
        trunk = rng.normal(size=(body, 3)) * [3, 5, 1] + [0, -12, 0]
        vertices = np.concatenate([vertices, trunk])
        moved = np.concatenate([moved, np.zeros((52, body, 3))], axis=1)
    order = rng.permutation(len(expressions))
    truth = [expressions[i] for i in order]
    moved = moved[[EXPRESSION_INDEX[name] for name in truth]]
    axes = rotation_matrix((tilt, 0.0, 0.0)) @ axes_of(facing)
    names = tuple(f"k{i}" for i in range(len(truth)))
    place = rng.normal(size=3) * 5.0
    mesh = MeshKeys(names, scale * (vertices @ axes + place), scale * moved @ axes)
    return mesh, dict(zip(names, truth, strict=True))


def share_found(result, truth):
    """Return the share of keys given their true expression with enough confidence to be used."""
    found = [
        dict(m.targets) == {truth[m.shape_key]: 1.0} and m.confidence >= ACCEPTED
        for m in result.matches
    ]
    return float(np.mean(found))


def sure_errors(result, truth):
    """Return the keys given a wrong expression with enough confidence to be used."""
    return [
        (truth[m.shape_key], m.label)
        for m in result.matches
        if m.confidence >= ACCEPTED and dict(m.targets) != {truth[m.shape_key]: 1.0}
    ]


MOUTH = tuple(n for n in EVERY if n.startswith(("mouth", "jaw")))
EYES = tuple(n for n in EVERY if n.startswith(("eye", "brow")))
CASES = {
    "itself": {"keep": 1.0},
    "fewer vertices, noise": {"noise": 0.004, "keep": 0.3},
    "100 times larger": {"scale": 100.0},
    "Y up, in millimetres": {"scale": 90.0, "facing": "POS_Z_Y_UP"},
    "facing +X": {"facing": "POS_X"},
    "tilted forward by 12 degrees": {"tilt": 0.2},
    "another person": {"person": 1.0, "noise": 0.003},
    "a third person without eyeballs": {"person": 1.0, "eyeballs": False, "keep": 0.3},
    "whole body": {"person": 0.7, "body": 9000},
    "mouth only": {"expressions": MOUTH},
    "eyes and brows only": {"expressions": EYES},
    "blinks only": {"expressions": ("eyeBlinkLeft", "eyeBlinkRight")},
}


@pytest.mark.parametrize("case", CASES)
def test_share_of_unknown_keys_found(case):
    mesh, truth = strangers_mesh(1, **CASES[case])
    result = geometric_match.match_fields(mesh)
    assert share_found(result, truth) >= 0.9
    assert sure_errors(result, truth) == []


def test_scale_and_facing_come_with_it():
    mesh, _ = strangers_mesh(3, scale=100.0, facing="POS_Z_Y_UP")
    similarity = geometric_match.match_fields(mesh).similarity
    assert 1.0 / similarity.scale == pytest.approx(100.0, rel=0.05)
    assert similarity.facing == "POS_Z_Y_UP"


def test_keys_known_by_name_help_and_are_not_given_away_twice():
    mesh, truth = strangers_mesh(4, person=1.0, scale=0.01)
    known = {key: {name: 1.0} for key, name in truth.items() if int(key[1:]) % 2}
    result = geometric_match.match_fields(mesh, known)
    assert {m.shape_key for m in result.matches} == set(truth) - set(known)
    assert share_found(result, truth) >= 0.9
    taken = {name for targets in known.values() for name in targets}
    assert not any(taken & set(m.targets) for m in result.matches)


def test_combined_and_halved_keys():
    mesh, truth = strangers_mesh(5, expressions=EVERY)
    at = {name: i for i, name in enumerate(truth.values())}
    left = np.clip(mesh.neutral[:, :1] - np.median(mesh.neutral[:, 0]) > 0, 0.0, 1.0)
    moved = np.array(mesh.displacements)
    moved[at["eyeBlinkLeft"]] += moved[at["eyeBlinkRight"]]
    moved[at["eyeBlinkRight"]] = 0.0
    moved[at["browInnerUp"]] *= left
    mesh = replace(mesh, displacements=moved)
    found = {m.shape_key: m for m in geometric_match.match_fields(mesh).matches}
    blink = found[mesh.names[at["eyeBlinkLeft"]]]
    assert dict(blink.targets) == {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}
    assert dict(found[mesh.names[at["browInnerUp"]]].targets) == {"browInnerUp": 0.5}
    assert found[mesh.names[at["eyeBlinkRight"]]].targets == {}


def test_keys_that_are_no_expression_stay_unmapped():
    mesh, truth = strangers_mesh(6)
    rng = np.random.default_rng(0)
    odd = [
        np.zeros_like(mesh.neutral),
        rng.normal(size=mesh.neutral.shape) * 0.05,
        (mesh.neutral - mesh.neutral.mean(axis=0)) * 0.2,
    ]
    names = (*mesh.names, "nothing", "noise", "bigger")
    mesh = MeshKeys(names, mesh.neutral, np.concatenate([mesh.displacements, np.array(odd)]))
    found = auto_map(names, lambda known: geometric_match.match_fields(mesh, known))
    rows = {row.shape_key: row for row in found.rows}
    for name in ("nothing", "noise", "bigger"):
        assert not rows[name].expression or rows[name].mute
    used = [row for row in found.rows if row.expression and not row.mute]
    assert sum(row.expression == truth.get(row.shape_key) for row in used) >= 47


@pytest.mark.parametrize("count", [0, 1])
def test_too_little_to_go_by(count):
    mesh = MeshKeys(("k",) * count, np.eye(3), np.zeros((count, 3, 3)))
    result = geometric_match.match_fields(mesh)
    assert result.similarity is None
    assert all(m.targets == {} for m in result.matches)


def test_names_first_then_shape_and_every_key_has_a_row():
    mesh, truth = strangers_mesh(7)
    names = tuple(truth[k] if i < 30 else k for i, k in enumerate(mesh.names))
    mesh = replace(mesh, names=names)
    found = auto_map(names, lambda known: geometric_match.match_fields(mesh, known))
    assert [row.shape_key for row in found.rows] == list(names)
    assert len(found.by_name) == 30
    assert all(row.confidence == 1.0 for row in found.rows[:30])
    right = [row.expression == truth[f"k{i}"] for i, row in enumerate(found.rows)]
    assert sum(right) >= 50
    assert any("by name (ARKit names)" in line for line in notes_of(found))
    unmatched = auto_map(names)
    assert [row.expression for row in unmatched.rows[30:]] == [""] * 22


def test_assignment_is_the_best_of_all():
    rng = np.random.default_rng(0)
    for rows, columns in ((1, 1), (3, 3), (3, 5), (5, 3), (4, 6)):
        score = rng.normal(size=(rows, columns))
        column = best_assignment(score)
        total = sum(score[r, c] for r, c in enumerate(column) if c >= 0)
        small, large = sorted((rows, columns))
        table = score if rows <= columns else score.T
        best = max(
            sum(table[i, p] for i, p in enumerate(chosen))
            for chosen in permutations(range(large), small)
        )
        assert total == pytest.approx(best)


def test_neighbours_and_thinning():
    rng = np.random.default_rng(0)
    points, queries = rng.normal(size=(500, 3)), rng.normal(size=(40, 3))
    distance, index = brute_neighbours(points, queries, 3)
    full = np.linalg.norm(queries[:, None] - points[None], axis=2)
    assert np.array_equal(index, np.argsort(full, axis=1)[:, :3])
    assert np.allclose(distance, np.sort(full, axis=1)[:, :3], atol=1e-4)
    uneven = np.concatenate([rng.random((5000, 3)) * 0.1, rng.random((500, 3))])
    kept = uneven[thin_evenly(uneven, 300)]
    assert 100 <= len(kept) <= 300
    assert (kept < 0.1).all(axis=1).mean() < 0.1
