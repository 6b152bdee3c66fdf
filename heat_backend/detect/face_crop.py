# SPDX-License-Identifier: GPL-3.0-or-later
"""A face's upright square in a picture, its 478 landmarks and the 52 scores of its expression.

The networks are those of MediaPipe's ``face_landmarker.task``; the square's size and turn, the
unit of z and the points that the scores are made from are facts of MediaPipe's published graphs
``face_landmarks_detector_graph.cc`` and ``face_blendshapes_graph.cc`` (Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.face_finder import FoundFace
from heat_backend.inference.network import Network

SIDE = 256  # pixels of the landmark network's picture
MARGIN = 1.5  # side of the square over the longer side of the face's box; of the graphs
OUTER_EYE_CORNERS = (33, 263)  # the line that the square is turned by

# The graph's list of the points that the scores depend on.
_SCORED = np.fromstring(
    """
    0 1 4 5 6 7 8 10 13 14 17 21 33 37 39 40 46 52 53 54 55 58 61 63 65 66 67 70 78 80 81 82 84 87
    88 91 93 95 103 105 107 109 127 132 133 136 144 145 146 148 149 150 152 153 154 155 157 158 159
    160 161 162 163 168 172 173 176 178 181 185 191 195 197 234 246 249 251 263 267 269 270 276 282
    283 284 285 288 291 293 295 296 297 300 308 310 311 312 314 317 318 321 323 324 332 334 336 338
    356 361 362 365 373 374 375 377 378 379 380 381 382 384 385 386 387 388 389 390 397 398 400 402
    405 409 415 454 466 468 469 470 471 472 473 474 475 476 477
    """,
    np.intp,
    sep=" ",
)


@dataclass(frozen=True)
class FaceCrop:
    """A square in a picture that shows a face upright.

    Attributes
    ----------
    centre : ndarray, shape (2,)
        Pixels of the picture.
    side : float
        Pixels of the picture.
    angle : float
        Radians from the picture's x axis to the square's, positive from x to y (clockwise to the
        eye).
    """

    centre: NDArray[np.float64]
    side: float
    angle: float

    @classmethod
    def around(cls, face: FoundFace) -> FaceCrop:
        """Return the square for a face that was found."""
        low, high = face.box[:2], face.box[2:]
        return cls(
            (low + high) / 2, MARGIN * float((high - low).max()), _angle(*face.keypoints[:2])
        )

    @classmethod
    def around_landmarks(cls, points: NDArray[np.floating]) -> FaceCrop:
        """Return the square for landmarks (478, 2 or 3), such as those of the frame before."""
        flat = points[:, :2].astype(np.float64)
        low, high = flat.min(axis=0), flat.max(axis=0)
        start, end = OUTER_EYE_CORNERS
        return cls(
            (low + high) / 2, MARGIN * float((high - low).max()), _angle(flat[start], flat[end])
        )

    def scaled(self, factor: float) -> FaceCrop:
        """Return the square in the picture resized by ``factor`` (pixel centres at integers)."""
        return FaceCrop((self.centre + 0.5) * factor - 0.5, self.side * factor, self.angle)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, width, height of the square, taken as upright, pixels."""
        left, top = self.centre - self.side / 2
        return float(left), float(top), self.side, self.side

    @property
    def to_picture(self) -> NDArray[np.float64]:
        """Affine map (2, 3) from pixels of the network's picture to those of the picture."""
        scale = self.side / SIDE
        c, s = scale * np.cos(self.angle), scale * np.sin(self.angle)
        turn = np.array([[c, -s], [s, c]])
        return np.concatenate([turn, (self.centre - turn @ (SIDE / 2, SIDE / 2))[:, None]], axis=1)


def landmarks(
    network: Network, pixels: NDArray[np.uint8], crop: FaceCrop
) -> tuple[float, NDArray[np.float32]]:
    """Find the landmarks of the face in a square.

    Parameters
    ----------
    network : Network
        ``face_landmarks.onnx``.
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    crop : FaceCrop

    Returns
    -------
    presence : float
        How sure the network is that the square shows a face, 0..1.
    points : ndarray, shape (478, 3), float32
        As in :class:`heat_backend.geometry.face_landmarks.FaceLandmarks`.
    """
    to_picture = crop.to_picture
    view = cv2.warpAffine(
        pixels,
        to_picture,
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    view = view.astype(np.float32) * np.float32(1.0 / 255.0)
    out = network.run({"image": view[None]})
    raw = out["landmarks"].reshape(478, 3).astype(np.float64)
    flat = raw[:, :2] @ to_picture[:, :2].T + to_picture[:, 2]
    points = np.concatenate([flat, raw[:, 2:] * (crop.side / SIDE)], axis=1)
    presence = 1.0 / (1.0 + np.exp(-float(out["presence"].reshape(()))))
    return presence, points.astype(np.float32)


def expression_scores(network: Network, points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Score the expression of a face by its landmarks.

    Parameters
    ----------
    network : Network
        ``face_blendshapes.onnx``.
    points : ndarray, shape (478, 2 or 3)
        Pixels of the picture.

    Returns
    -------
    ndarray, shape (52,), float32
        0..1: neutral, then ARKit's expressions by name without tongueOut. cheekPuff never rises,
        eyeWide and noseSneer rise little.
    """
    flat = points[_SCORED, :2].astype(np.float32)
    return network.run({"points": flat[None]})["scores"]


def _angle(start: NDArray[np.float64], end: NDArray[np.float64]) -> float:
    return float(np.arctan2(end[1] - start[1], end[0] - start[0]))
