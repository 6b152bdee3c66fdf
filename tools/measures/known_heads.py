# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit on heads of known identity and light, drawn by the face model itself.

``python -m tools.measures.known_heads [--heads N]`` prints how near it comes. Two distances
of identities are told: of the weights, which also count the back of the head, and of the face's
points, which is what a photo shows. Each over the mean distance of two random heads.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, FaceModel, load, shape
from bridge.pose import rotation_matrix
from heat_backend.edits.light import GAMMA
from heat_backend.edits.photo_fit import fit_photo
from heat_backend.engines.protocol import EngineSettings
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.mesh_normals import vertex_normals
from heat_backend.geometry.rasterizer import FAR, raster_attributes
from heat_backend.media.photo import Photo

SEED = 5
SIDE, UNIT, FINER = 640, 190.0, 2
WALL = 110.0
PAIRS = 200
STILL = np.zeros(52)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class KnownHead:
    """A head to be found again.

    Attributes
    ----------
    identity : ndarray, shape (K,)
    rotation : tuple of float
        Pitch, yaw, roll, radians.
    light : ndarray, shape (3,)
        Toward the lamp, picture axes.
    ambient : float
        Share of the light that comes from all around.
    """

    identity: Floats
    rotation: tuple[float, float, float]
    light: Floats
    ambient: float


def random_head(rng: np.random.Generator, components: int) -> KnownHead:
    """Draw a head, about frontal, lit from before it."""
    toward = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.3, 0.8), 1.0])
    turn = (rng.uniform(-0.1, 0.15), rng.uniform(-0.3, 0.3), rng.uniform(-0.1, 0.1))
    identity = rng.standard_normal(components)
    return KnownHead(identity, turn, toward / np.linalg.norm(toward), rng.uniform(0.25, 0.6))


def drawn(model: FaceModel, head: KnownHead) -> NDArray[np.uint8]:
    """Draw a head (SIDE, SIDE, 3) in the model's own colours under a lamp."""
    rotation = rotation_matrix(head.rotation)
    vertices = shape(model, head.identity, STILL).astype(np.float64)
    normals = vertex_normals(vertices, model.triangles).astype(np.float32) @ rotation.T
    posed = vertices @ rotation.T
    pixels = Camera(UNIT, (0.5 * SIDE, 0.55 * SIDE)).project(posed)
    shade = head.ambient + (1.0 - head.ambient) * np.maximum(0.0, normals @ head.light)
    linear = (model.vertex_albedo / 255.0) ** GAMMA * shade[:, None]
    colours = np.ascontiguousarray(255.0 * np.clip(linear, 0.0, 1.0) ** (1.0 / GAMMA), np.float32)
    picture = np.full((FINER * SIDE, FINER * SIDE, 3), WALL, np.float32)
    nearest = np.full(picture.shape[:2], FAR, np.float32)
    points = np.asarray((pixels + 0.5) * FINER - 0.5, np.float32)
    depth = np.ascontiguousarray(posed[:, 2], np.float32)
    raster_attributes(points, depth, colours, model.triangles, picture, nearest)
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(small, 0.0, 255.0)).astype(np.uint8)


def apart(model: FaceModel, a: Floats, b: Floats) -> tuple[float, float]:
    """Distance of two identities' weights, and mean distance of their faces' points."""
    face = model.vertex_part == PART_NAMES.index("face")
    moved = np.tensordot(a - b, model.identity[:, face], 1)
    return float(np.linalg.norm(a - b)), float(np.linalg.norm(moved, axis=1).mean())


def main() -> int:
    """Print the distances and the light's error, their median and worst."""
    parser = argparse.ArgumentParser(description="Fit heads that the face model drew.")
    parser.add_argument("--heads", type=int, default=20)
    args = parser.parse_args()
    model, rng = load(), np.random.default_rng(SEED)
    count = len(model.identity)
    random = [apart(model, *rng.standard_normal((2, count))) for _ in range(PAIRS)]
    usual = np.mean(random, axis=0)
    found = []
    for _ in range(args.heads):
        head = random_head(rng, count)
        photo = Photo(drawn(model, head), "drawn head")
        fitted = fit_photo(photo, EngineSettings(), lambda *_: None)
        cosine = float(np.clip(fitted.light.direction @ head.light, -1.0, 1.0))
        distances = apart(model, fitted.fit.identity, head.identity) / usual
        found.append((*distances, float(np.degrees(np.arccos(cosine)))))
    for what, column in zip(
        ("weights apart", "face's points apart", "light off, degrees"),
        zip(*found, strict=True),
        strict=True,
    ):
        print(f"{what:22} median {np.median(column):6.2f}  worst {max(column):6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
