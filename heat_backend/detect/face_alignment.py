# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks by the ``face-alignment`` package: S3FD face finder and 2DFAN-4, 68 points a face.

It is the extra ``detectors``. It asks for ``opencv-python``, whose files overwrite those of
``opencv-python-headless``: so it is installed by hand, without its dependencies.
Its weights come from its own address at first use, into torch's hub folder.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere
from heat_backend.detect.working_view import working_view
from heat_backend.fit.sparse_to_dense import dense_landmarks
from heat_backend.geometry.face_landmarks import FaceLandmarks

PACKAGE = "face-alignment==1.5.0"
INSTALL = (
    f"python -m pip install --no-deps {PACKAGE}  and  "
    "python -m pip install scikit-image==0.26.0 tqdm==4.67.1 packaging"
)
WEIGHTS = ("s3fd-619a316812.pth", "2DFAN4-11f355bf06.pth.tar")
WORKING_SIDE = 1280  # pixels; the networks see a face at 256 px


class FaceAlignmentNet:
    """68 points of each face, made dense landmarks by fitting the face model."""

    name = "face-alignment"

    def __init__(self, networks: Any) -> None:
        self._networks = networks

    def detect(self, pixels: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """Find all faces in RGB ``pixels`` (H, W, 3), largest first."""
        height, width = pixels.shape[:2]
        view = working_view(pixels, WORKING_SIDE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns where there is no face
            found = self._networks.get_landmarks_from_image(np.ascontiguousarray(view)) or []
        step = np.array([width / view.shape[1], height / view.shape[0]])
        faces = [
            dense_landmarks(pixels, (np.asarray(points)[:, :2] + 0.5) * step - 0.5)
            for points in found
        ]
        return sorted(faces, key=lambda face: -face.size)


def create() -> FaceAlignmentNet:
    """Load the package and its networks.

    Raises
    ------
    bridge.errors.MissingHere
        When the package or its weights are not there, or the weights cannot be fetched or read.
    """
    try:
        import face_alignment
        import torch
    except ImportError as error:
        raise MissingHere(
            f"the face-alignment detector does not load ({error}): run  {INSTALL}"
        ) from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        networks = face_alignment.FaceAlignment(
            face_alignment.LandmarksType.TWO_D,
            device=device,
            compile=False,  # it takes minutes and a C++ compiler, for one photo
        )
    except Exception as error:  # no network, a refused download, a half file
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        reason = " ".join(str(error).split())[:120]
        raise MissingHere(
            f"the weights of face-alignment are missing or damaged, and not to be had ({reason}): "
            f"connect to the internet once, or put {' and '.join(WEIGHTS)} into {folder}"
        ) from error
    return FaceAlignmentNet(networks)
