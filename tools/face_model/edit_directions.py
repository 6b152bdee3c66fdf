# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds ``bridge/edit_directions.npz``; run by hand when the face model or its measures change.

``python -m tools.face_model.edit_directions --out bridge/edit_directions.npz``

Random identities are measured; each measure's linear regression on the identity weights gives its
gradient. A direction is then the shortest change of identity that moves its own measure by one
standard deviation and no other one: a ridge-regularised pseudo-inverse of the gradients, which
trades up to ``MOST_LEAK`` of the others for plainer faces.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bridge import npz_file
from bridge.edits import SHAPE_EDITS
from bridge.face_model import FaceModel, load, shape
from heat_backend.edits.face_measurements import measured_head

SAMPLES = 1500
SEED = 6
MOST_LEAK = 0.12  # standard deviations of another measure at +1; 0.15 is what may be seen
RIDGES = np.geomspace(1.0, 1e-6, 61)


def build(model: FaceModel) -> dict[str, NDArray]:
    """Return the arrays of the file: ``names``, ``directions`` (E, K), ``spread`` (E,)."""
    names = [edit.name for edit in SHAPE_EDITS]
    rng = np.random.default_rng(SEED)
    weights = rng.standard_normal((SAMPLES, len(model.identity)))
    still = np.zeros(len(model.expression))
    heads = (measured_head(model, shape(model, w, still)) for w in weights)
    values = np.array([[head[name] for name in names] for head in heads])
    spread = values.std(axis=0)
    design = np.column_stack([weights, np.ones(SAMPLES)])
    gradient = np.linalg.lstsq(design, values / spread, rcond=None)[0][:-1].T  # (E, K)
    return {
        "names": np.array(names),
        "directions": _separated(gradient).astype(np.float32),
        "spread": spread.astype(np.float32),
    }


def _separated(gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions (E, K): the most regularised ones that leak no more than ``MOST_LEAK``."""
    square = gradient @ gradient.T
    found = np.zeros_like(gradient)
    for k in range(len(gradient)):
        own = np.eye(len(gradient))[k]
        for ridge in RIDGES:
            found[k] = np.linalg.solve(square + ridge * np.eye(len(own)), own) @ gradient
            found[k] /= gradient[k] @ found[k]
            moved = gradient @ found[k]
            if np.abs(np.delete(moved, k)).max() <= MOST_LEAK:
                break
    return found


def main() -> int:
    """Build the file and print how separate the directions are."""
    parser = argparse.ArgumentParser(description="Build the directions of the shape edits.")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    args = parser.parse_args()
    arrays = build(load())
    npz_file.write_npz(args.out, arrays)
    lengths = np.linalg.norm(arrays["directions"], axis=1)
    for name, length, spread in zip(arrays["names"], lengths, arrays["spread"], strict=True):
        print(f"{name:20} {length:6.2f} identity sd, {spread:.4f} of its measure a step")
    return 0


if __name__ == "__main__":
    sys.exit(main())
