# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where the FaceMesh landmarks lie on the source model, by showing it to the tracker.

Run by hand; writes the small table ``landmarks.json`` that the build reads:
``python -m tools.face_model.embed --ict ICT_NPZ --out tools/face_model/landmarks.json``

The source is drawn as several people under small turns of the head, FaceMesh finds its
468 points on the pictures, each is cast back onto the surface and moved to the neutral
face; the table holds the median over all pictures, made left/right symmetric.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bridge.pose import rotation_matrix
from heat_backend.detect.detector import Detector, make_detector
from heat_backend.geometry.mesh_normals import vertex_normals
from tools.face_model import kit as source
from tools.face_model import raster
from tools.face_model.eyes import Eye, eyeball, fit_eye
from tools.face_model.kit import Floats, Ints, Kit, read_kit
from tools.face_model.parts import triangulate
from tools.face_model.skin import cut_openings, paint_skin

LANDMARKS = 468
PEOPLE = 10
SPREAD = 0.8  # standard deviations of identity
YAWS = (-20.0, -8.0, 0.0, 8.0, 20.0)
PITCHES = (-10.0, 0.0, 10.0)
EAR_FRONT = 2.3  # z in cm; what lies behind is ear, onto which cheek points must not slip
SIDE = 2.5  # cm from the midline, beyond which a point belongs to one cheek
FACING = 0.25  # least cosine between surface and line of sight for a hit to count


@dataclass(frozen=True)
class Subject:
    """What is drawn: skin first, then eyeballs (triangles of the skin come first)."""

    kit: Kit
    skin_triangles: Ints
    eyes: tuple[Eye, Eye]
    triangles: Ints
    colours: NDArray[np.uint8]


def subject(kit: Kit) -> Subject:
    """Put the drawable model together."""
    openings = cut_openings(kit)
    skin = triangulate(kit, kit.faces[slice(*source.SKIN_FACES)])
    eyes = (fit_eye(kit, openings.lid_steps, 1.0), fit_eye(kit, openings.lid_steps, -1.0))
    balls = [eyeball(e, n) for e, n in zip(eyes, ("eye_left", "eye_right"), strict=True)]
    count = len(kit.neutral)
    triangles = [skin]
    colours = [paint_skin(kit, openings)]
    for ball in balls:
        triangles.append(ball.triangles + count)
        colours.append(ball.albedo)
        count += len(ball.vertices)
    return Subject(kit, skin, eyes, np.concatenate(triangles), np.concatenate(colours))


def person(who: Subject, weights: Floats) -> Floats:
    """Return all vertices of one identity, skin of the kit then eyeballs."""
    vertices = who.kit.neutral + np.tensordot(weights, who.kit.identity[: len(weights)], 1)
    balls = []
    for eye in who.eyes:
        ball = eyeball(eye, "eye_left")
        balls.append(ball.vertices + np.tensordot(weights, ball.identity[: len(weights)], 1))
    return np.concatenate([vertices, *balls])


def views() -> Iterator[tuple[Floats, Floats]]:
    """Yield identity weights and rotation of each picture."""
    rng = np.random.default_rng(468)
    for i in range(PEOPLE):
        weights = SPREAD * rng.standard_normal(50) if i else np.zeros(50)
        for yaw in YAWS:
            for pitch in PITCHES:
                yield weights, rotation_matrix(np.radians([pitch, yaw, 0.0])).astype(np.float64)


def hits(who: Subject, weights: Floats, rotation: Floats, detector: Detector) -> Floats:
    """Return the neutral surface point (468, 3) under each landmark, NaN where none."""
    vertices = person(who, weights) @ rotation.T
    camera = raster.TargetCamera((0.0, 1.0, 5.0), 90.0, 19.0, 640)
    image = raster.picture(vertices, who.triangles, who.colours, camera)
    out = np.full((LANDMARKS, 3), np.nan)
    found = detector.detect(image)
    if not found:
        return out
    pixel = found[0].points[:LANDMARKS, :2]
    fine = raster.TargetCamera(camera.target, camera.distance, camera.scale * 2, camera.size * 2)
    skin = who.skin_triangles
    which, share = raster.cast(vertices, skin, fine)
    normals = vertex_normals(vertices, skin)
    ij = np.clip((pixel * 2).astype(int), 0, fine.size - 1)
    for n, (x, y) in enumerate(ij):
        t = which[y, x]
        if t < 0:
            continue
        corners, weight = skin[t], share[y, x]
        normal = weight @ normals[corners]
        point = weight @ who.kit.neutral[corners]
        if normal[2] / np.linalg.norm(normal) >= FACING and point[2] > EAR_FRONT:
            out[n] = point
    return out


def mirrored_pairs(points: Floats) -> Ints:
    """Return the landmark on the other side of each landmark."""
    flipped = points * (-1, 1, 1)
    cost = ((points[:, None] - flipped[None]) ** 2).sum(axis=2)
    _, pair = linear_sum_assignment(cost + cost.T)
    if not np.array_equal(pair[pair], np.arange(len(points))):
        raise AssertionError("landmarks do not pair up left and right")
    return pair


def embed(who: Subject) -> tuple[Floats, Floats]:
    """Return symmetric landmark points (468, 3) in cm and their spread (468,) over pictures."""
    detector = make_detector("mediapipe")
    samples = _near_side(np.stack([hits(who, w, r, detector) for w, r in views()]))
    centre = np.array([_middle(points) for points in samples.transpose(1, 0, 2)])
    spread = np.nanmedian(np.linalg.norm(samples - centre, axis=2), axis=0)
    pair = mirrored_pairs(centre)
    centre = (centre + centre[pair] * (-1, 1, 1)) / 2
    return centre, spread


def _near_side(samples: Floats) -> Floats:
    """Drop (set NaN) what was seen of a cheek while it was turned away.

    The tracker then slides the outline of the face along with the silhouette.
    """
    out = samples.copy()
    yaw = np.array([np.arcsin(r[0, 2]) for _, r in views()])
    x = np.nanmedian(samples[:, :, 0], axis=0)
    away = (np.abs(x) > SIDE) & (yaw[:, None] * np.sign(x) > 0.05)
    out[away] = np.nan
    return out


def _middle(points: Floats) -> Floats:
    """Return the geometric median of the points (n, 3) that are not NaN."""
    points = points[np.isfinite(points).all(axis=1)]
    centre = np.median(points, axis=0)
    for _ in range(50):
        near = 1.0 / np.maximum(np.linalg.norm(points - centre, axis=1), 1e-3)
        centre = (near[:, None] * points).sum(axis=0) / near.sum()
    return centre


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ict", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    who = subject(read_kit(args.ict, 50))
    points, spread = embed(who)
    table = {
        "frame": "ICT-FaceKit neutral, centimetres",
        "spread_cm": {
            "median": round(float(np.median(spread)), 3),
            "max": round(float(spread.max()), 3),
        },
        "points": [[round(float(c), 3) for c in p] for p in points],
    }
    lines = ",\n".join("  " + json.dumps(p) for p in table.pop("points"))
    head = json.dumps(table)[:-1]
    args.out.write_text(head + ', "points": [\n' + lines + "\n]}\n")
    print(f"{args.out}: spread median {np.median(spread):.3f} cm, max {spread.max():.3f} cm")


if __name__ == "__main__":
    main()
