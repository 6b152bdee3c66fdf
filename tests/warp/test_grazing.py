# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin that turns away at the rim moves evenly, so that a wider jaw has no saw-teeth."""

import numpy as np

from heat_backend.layers.visible_triangles import evened_grazing

AROUND, ALONG = 41, 30


def _cheek() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half a cylinder (N, 3) that faces the viewer, its triangles, and each vertex' turn."""
    turn, height = np.meshgrid(np.linspace(-1.5, 1.5, AROUND), np.linspace(0, 1, ALONG))
    rest = np.stack([np.sin(turn), height, np.cos(turn)], axis=-1).reshape(-1, 3)
    index = np.arange(AROUND * ALONG).reshape(ALONG, AROUND)
    a, b, c, d = (
        part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:])
    )
    return rest, np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]), turn.ravel()


def test_only_what_turns_away_is_evened() -> None:
    rest, triangles, turn = _cheek()
    rim = evened_grazing(rest, triangles, np.array([AROUND // 2]))
    teeth = np.where(np.arange(len(rest)) // AROUND % 2, 1.0, -1.0)  # row by row
    moved = rim @ teeth
    front, side = np.abs(turn) < 0.7, np.abs(turn) > 1.4
    assert np.allclose(moved[front], teeth[front])
    inner = side & (rest[:, 1] > 0.1) & (rest[:, 1] < 0.9)
    assert np.abs(moved[inner]).max() < 0.2
    assert np.allclose(rim @ np.ones(len(rest)), 1.0)


def test_vertices_of_no_triangle_are_left_alone() -> None:
    rest, triangles, _ = _cheek()
    rest = np.concatenate([rest, [[9.0, 9.0, 9.0]]])
    rim = evened_grazing(rest, triangles, np.array([0]))
    assert rim[-1, -1] == 1.0 and rim[-1].nnz == 1
