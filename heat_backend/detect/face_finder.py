# SPDX-License-Identifier: GPL-3.0-or-later
"""Where faces are: BlazeFace, short range, over a picture at any size.

The network is MediaPipe's (Bazarevsky et al., "BlazeFace", arXiv 1907.05047). Anchors, the code of
the boxes and the weighted suppression are facts of MediaPipe's published graph
``face_detector_graph.cc`` and its calculators (Apache-2.0).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.inference.network import Network

_STRIDES = ((8, 2), (16, 6))  # of the grids of anchors, pixels; anchors a cell
_SAME_FACE = 0.3  # intersection over union from which two boxes are averaged; of the graph
_CLIP = 100.0  # of the scores before the sigmoid; of the graph


@dataclass(frozen=True)
class Reach:
    """How large the network sees a picture, and so which faces it finds.

    It is made of convolutions alone and takes pictures of any size. It finds faces of some 15 of
    its pixels and more, up to twice as wide as its usual picture.

    Attributes
    ----------
    side : int
        Longer side of the picture as the network sees it, pixels.
    step : int
        Both sides are filled up with black to multiples of it; a multiple of 16.
    """

    side: int
    step: int = 16


# The shares are the least widths of a face's box over the picture's longer side that were found
# in nine of ten trials with the test portraits. The time grows with the square of the side.
NEAR = Reach(128, 128)  # 0.12; as MediaPipe's graph does it, square
FAR = Reach(288)  # 0.05; as far as MediaPipe's full-range finder went
FARTHEST = Reach(768)  # 0.02


@dataclass(frozen=True)
class FoundFace:
    """One face, before its landmarks.

    Attributes
    ----------
    score : float
        0..1.
    box : ndarray, shape (4,)
        Left, top, right, bottom, pixels of the picture.
    keypoints : ndarray, shape (6, 2)
        Right and left eye of the subject, nose, mouth, right and left ear, pixels.
    """

    score: float
    box: NDArray[np.float64]
    keypoints: NDArray[np.float64]

    @property
    def width(self) -> float:
        """Of the box, pixels."""
        return float(self.box[2] - self.box[0])


def find_faces(
    network: Network,
    pixels: NDArray[np.uint8],
    reach: Reach,
    least_score: float,
    margin: float = 0.0,
) -> list[FoundFace]:
    """Find faces in a picture, likeliest first.

    Parameters
    ----------
    network : Network
        ``face_detector.onnx``.
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    reach : Reach
    least_score : float
        0..1.
    margin : float
        Black border of the square that the network sees the picture in, over the picture's longer
        side: for faces that fill it.
    """
    height, width = pixels.shape[:2]
    scale = max(width, height) * (1.0 + 2.0 * margin) / reach.side
    canvas = [-(-round(side / scale) // reach.step) * reach.step for side in (width, height)]
    if margin:
        canvas = [-(-reach.side // reach.step) * reach.step] * 2
    corner = (np.array([width, height]) - scale * np.array(canvas)) / 2
    to_picture = np.array([[scale, 0.0, corner[0]], [0.0, scale, corner[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    view = cv2.warpAffine(pixels, to_picture, canvas, flags=flags)
    view = view.astype(np.float32) * np.float32(2.0 / 255.0) - np.float32(1.0)
    out = network.run({"image": view[None]})
    found = _decoded(out["boxes"][0], out["scores"][0, :, 0], _anchors(*canvas), least_score)
    return [
        FoundFace(score, (places[:2] * scale + corner).reshape(4), places[2:] * scale + corner)
        for score, places in found
    ]


@functools.cache
def _anchors(width: int, height: int) -> NDArray[np.float64]:
    """Centres (N, 2) of the anchors, pixels of the network's picture."""
    centres = []
    for stride, each in _STRIDES:
        x, y = np.meshgrid(
            (np.arange(width // stride) + 0.5) * stride,
            (np.arange(height // stride) + 0.5) * stride,
        )
        centres.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), each, axis=0))
    return np.concatenate(centres)


def _decoded(
    boxes: NDArray[np.float32],
    logits: NDArray[np.float32],
    anchors: NDArray[np.float64],
    least_score: float,
) -> list[tuple[float, NDArray[np.float64]]]:
    """Scores and places (8, 2): two corners of the box, then six key points; likeliest first."""
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -_CLIP, _CLIP)))
    chosen = np.flatnonzero(scores >= least_score)
    chosen = chosen[np.argsort(-scores[chosen], kind="stable")]
    raw = boxes[chosen].astype(np.float64).reshape(-1, 8, 2)
    places = raw + anchors[chosen, None]
    places[:, 1] = places[:, 0] + raw[:, 1] / 2
    places[:, 0] -= raw[:, 1] / 2
    return _averaged(scores[chosen], places)


def _averaged(
    scores: NDArray[np.float64], places: NDArray[np.float64]
) -> list[tuple[float, NDArray[np.float64]]]:
    """Average the places of boxes that overlap with the likeliest, weighted by their scores."""
    faces = []
    while len(scores):
        same = _overlap(places[0, :2], places[:, :2]) > _SAME_FACE
        same[0] = True
        weights = scores[same] / scores[same].sum()
        faces.append((float(scores[0]), np.tensordot(weights, places[same], axes=1)))
        scores, places = scores[~same], places[~same]
    return faces


def _overlap(box: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of a box (2, 2) and others (N, 2, 2)."""
    low = np.maximum(box[0], boxes[:, 0])
    high = np.minimum(box[1], boxes[:, 1])
    shared = np.maximum(high - low, 0.0).prod(axis=1)
    areas = np.maximum(boxes[:, 1] - boxes[:, 0], 0.0).prod(axis=1)
    own = np.maximum(box[1] - box[0], 0.0).prod()
    return shared / np.maximum(own + areas - shared, 1e-9)
