# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that tells a person from what is behind: Robust Video Matting.

Source: Lin et al. 2022, "Robust High-Resolution Video Matting with Temporal Guidance"; the file
is made by ``tools/network_conversion/matting_network.py``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from heat_backend.inference.network import Network

SHIPPED = Path(__file__).with_name("matting_net.onnx")
MULTIPLE = 16  # of which both sides of the network's picture are: it halves them four times
THREADS = 2  # more gain little at these sizes
STATES = ("r1i", "r2i", "r3i", "r4i")  # what it recalls of earlier frames of a video: of none


@cache
def _network() -> Network:
    return Network(SHIPPED, THREADS)


def network_matte(pixels: NDArray[np.uint8], long_side: int) -> NDArray[np.float32]:
    """Compute the matte of all people in a picture as the network sees it.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
        RGB.
    long_side : int
        Size at which the network sees the picture, pixels.

    Returns
    -------
    ndarray, shape (h, w), float32
        0 background .. 1 person, at the network's size.

    Raises
    ------
    bridge.errors.MissingHere
        When onnxruntime or the network's file is missing.
    """
    scale = long_side / max(pixels.shape[:2])
    height, width = (
        max(MULTIPLE, MULTIPLE * round(side * scale / MULTIPLE)) for side in pixels.shape[:2]
    )
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    small = cv2.resize(pixels, (width, height), interpolation=interpolation)
    picture = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / np.float32(255.0)
    nothing = dict.fromkeys(STATES, np.zeros((1, 1, 1, 1), np.float32))
    return _network().run({"src": picture, **nothing})["pha"][0, 0]
