# SPDX-License-Identifier: GPL-3.0-or-later
"""Baseline for comparison: a thin-plate spline warp of the landmarks.

``python -m tools.measures.thin_plate --portrait IMG --out SHEET.png`` draws the engine's
control sheet on the left and, on the right, the same sheet by a thin-plate spline (Bookstein 1989)
through the face's landmarks and the picture's border, posed by the same face model.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.interpolate import RBFInterpolator

from bridge.coefficients import Coefficients
from bridge.face_model import FaceModel, landmarks, load
from heat_backend.cli.control_sheet import draw_sheet
from heat_backend.detect.detector import choose_face, make_detector
from heat_backend.engines.protocol import BasePortrait, Portrait
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.fit.posed_model import PosedModel, lay_on_photo
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.head_pose import apply_blendshapes, apply_head_pose, head_pose
from heat_backend.media.photo import load_photo
from tools.measures.tracking import warp_portrait

STRIDE = 8  # pixels between the places where the spline is evaluated
BORDER_POINTS = 7  # on each side of the picture, standing still
LIKE_ONE = 1e-3  # smoothing: neighbouring landmarks may coincide once posed


class ThinPlatePortrait(BasePortrait):
    """The photo, pulled along by its landmarks: a ``Portrait`` of ``engines.protocol``."""

    def __init__(self, pixels: NDArray[np.uint8], face: FaceLandmarks, model: FaceModel) -> None:
        self.height, self.width = pixels.shape[:2]
        self.notes: tuple[str, ...] = ()
        self._photo = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        self._model = model
        self._posed: PosedModel = lay_on_photo(model, fit_face(model, face), face)
        self._home = self._landmarks(self._posed.rest)
        x = np.linspace(0.0, self.width - 1.0, BORDER_POINTS)
        y = np.linspace(0.0, self.height - 1.0, BORDER_POINTS)
        sides = [(a, b) for a in x for b in (y[0], y[-1])]
        sides += [(a, b) for b in y[1:-1] for a in (x[0], x[-1])]
        self._border = np.array(sides)

    def _landmarks(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        flat = self._posed.camera.project(vertices)
        return np.asarray(landmarks(self._model, flat), np.float64)

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame, shape (height, width, 4), RGBA8."""
        posed = self._posed
        expression = np.append(np.asarray(coefficients.expression, np.float32), np.float32(0.0))
        rest = posed.rest.astype(np.float32)
        pose = head_pose(coefficients.rotation, coefficients.translation, posed.rotation)
        moved = apply_head_pose(apply_blendshapes(rest, posed.deltas, expression), pose)
        there = np.concatenate([self._landmarks(moved), self._border])
        here = np.concatenate([self._home, self._border])
        spline = RBFInterpolator(
            there, here - there, kernel="thin_plate_spline", smoothing=LIKE_ONE
        )
        columns = np.arange(0, self.width + STRIDE, STRIDE, dtype=np.float64)
        rows = np.arange(0, self.height + STRIDE, STRIDE, dtype=np.float64)
        at = np.stack(np.meshgrid(columns, rows), axis=-1)
        coarse = spline(at.reshape(-1, 2)).reshape(at.shape).astype(np.float32)
        x, y = np.meshgrid(
            np.arange(self.width, dtype=np.float32), np.arange(self.height, dtype=np.float32)
        )
        shift = cv2.remap(coarse, x / STRIDE, y / STRIDE, cv2.INTER_LINEAR)
        frame = cv2.remap(
            self._photo,
            x + shift[..., 0],
            y + shift[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if out is None:
            return frame
        out[...] = frame
        return out


def side_by_side(
    ours: Portrait, thin_plate: Portrait, face: FaceLandmarks, name: str
) -> NDArray[np.uint8]:
    """Draw both control sheets on one page, the engine's on the left."""
    left = draw_sheet(ours, face, f"{name}: warp engine")
    right = draw_sheet(thin_plate, face, f"{name}: thin-plate warp of the landmarks")
    return np.concatenate([left, right], axis=1)


def main(arguments: list[str]) -> int:
    """Draw the page for one portrait."""
    parser = argparse.ArgumentParser(prog="thin_plate", description=__doc__)
    parser.add_argument("--portrait", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, help="long side in pixels")
    args = parser.parse_args(arguments)
    photo = load_photo(args.portrait)
    ours = warp_portrait(photo, args.size)
    faces = make_detector("mediapipe").detect(photo.pixels)
    face = choose_face(faces, None, photo.name).scaled(ours.width / photo.pixels.shape[1])
    pixels = cv2.resize(photo.pixels, (ours.width, ours.height), interpolation=cv2.INTER_AREA)
    plain = ThinPlatePortrait(np.asarray(pixels, np.uint8), face, load())
    Image.fromarray(side_by_side(ours, plain, face, photo.name)).save(args.out)
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
