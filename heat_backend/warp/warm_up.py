# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait of nobody, drawn once: what the first real portrait needs is then loaded and compiled.

The pixel loops are compiled at their first use, for this very processor, which takes seconds; numba
keeps them on disk. The face is the face model's own, in flat colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.checks import MISSING, OK, SET_UP, Check
from bridge.coefficients import Coefficients
from bridge.errors import Cancelled
from bridge.face_model import landmarks
from bridge.face_model import load as load_model
from heat_backend.detect.detector import make_detector
from heat_backend.engines.protocol import CancelCheck, EngineSettings, never
from heat_backend.fit.sparse_to_dense import dense_landmarks
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LANDMARKS_68
from heat_backend.layers.matte import foreground_matte
from heat_backend.media.photo import Photo
from heat_backend.warp.warp_engine import build_portrait

SIDE = 160  # pixels: small, and large enough for every step
FACE = 0.5  # of the picture's height, as in a usual portrait
SKIN, DARK, BACKGROUND = (200, 160, 140), (40, 30, 30), (90, 110, 130)
# Controls whose loops differ from those of a face at rest: mouth, lids, eyeballs, a turn.
POSE = Coefficients.of(
    {"jawOpen": 0.5, "eyeBlinkLeft": 0.6, "eyeLookInRight": 0.5}, rotation=(0.1, 0.3, 0.0)
)


def warm_up(cancelled: CancelCheck = never) -> None:
    """Load the networks, then prepare and draw a portrait.

    Raises
    ------
    bridge.errors.Cancelled
        As soon as ``cancelled()`` is true between two steps.
    """

    def step(text: str = "", share: float = 0.0) -> None:
        if cancelled():
            raise Cancelled("warming up was stopped")

    step()
    picture, face, matte = _flat_face()
    make_detector(EngineSettings.detector).detect(picture)
    step()
    foreground_matte(picture, face.box)
    step()
    photo = Photo(picture, "warm-up")
    portrait, _ = build_portrait(photo, face, EngineSettings(device="cpu"), step, matte=matte)
    step()
    portrait.render(POSE)


def checks() -> list[Check]:
    """Return the check of ``heat doctor`` that frames can be drawn; it compiles what is needed."""
    try:
        warm_up()
    except Exception as error:  # libraries fail in many ways
        text = " ".join(str(error).split())[:160]
        return [Check("renderer", MISSING, text, "install Heat again", SET_UP)]
    return [Check("renderer", OK, "a frame was drawn")]


def _flat_face() -> tuple[NDArray[np.uint8], FaceLandmarks, NDArray[np.float32]]:
    """Picture (SIDE, SIDE, 3) of the mean face, its landmarks, and its matte (SIDE, SIDE)."""
    model = load_model()
    skin = landmarks(model, model.vertices)[:, :2]
    scale = FACE * SIDE / float(np.ptp(skin[:, 1]))
    places = (skin - skin.mean(axis=0)) * (scale, -scale) + SIDE / 2
    matte = np.zeros((SIDE, SIDE), np.uint8)
    outline = cv2.convexHull(np.rint(places).astype(np.int32))
    cv2.fillConvexPoly(matte, outline, 255)
    matte = cv2.dilate(matte, np.ones((15, 15), np.uint8))  # hair around the face
    matte[SIDE * 4 // 5 :] = 255  # shoulders
    picture = np.where(
        matte[..., None] > 0, np.asarray(SKIN, np.uint8), np.asarray(BACKGROUND, np.uint8)
    )
    points = places[list(LANDMARKS_68)]
    for eye in (points[36:42], points[42:48]):
        cv2.circle(picture, tuple(np.rint(eye.mean(axis=0)).astype(int).tolist()), 2, DARK, -1)
    return picture, dense_landmarks(picture, points), matte.astype(np.float32) / 255
