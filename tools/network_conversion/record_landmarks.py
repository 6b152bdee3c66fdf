# SPDX-License-Identifier: GPL-3.0-or-later
"""Records what the detector finds when LiteRT runs its networks as they were published.

``python -m tools.network_conversion.record_landmarks face_landmarker.task PORTRAITS`` writes
``tests/detect/reference.npz``, numbers only, which the shipped ONNX networks are tested against.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from heat_backend.detect.face_landmarker import FaceLandmarker, Networks
from heat_backend.inference.network import Network
from heat_backend.media.photo import load_photo
from tools.network_conversion.face_landmarker import NETWORKS
from tools.network_conversion.litert import LiteRTNetwork

REFERENCE = Path(__file__).resolve().parents[2] / "tests" / "detect" / "reference.npz"
PICTURES = (".jpg", ".jpeg", ".png")


def main(arguments: list[str]) -> int:
    """Run the networks on every portrait of a folder and write what they find."""
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with zipfile.ZipFile(arguments[0]) as task:
        networks = [
            cast(Network, LiteRTNetwork(task.read(name), outputs))
            for name, (_, _, _, outputs) in NETWORKS.items()
        ]
    detector = FaceLandmarker(Networks(*networks))
    found: dict[str, NDArray[np.float32]] = {}
    for path in sorted(Path(arguments[1]).iterdir()):
        if path.suffix in PICTURES:
            face = detector.detect(load_photo(path).pixels)[0]
            found[f"{path.name} landmarks"] = face.points
            found[f"{path.name} scores"] = detector.expression(face)
            print(f"{path.name}: a face {face.size:.0f} pixels high")
    np.savez_compressed(REFERENCE, allow_pickle=False, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
