# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns MediaPipe's ``face_landmarker.task`` into the ONNX files of ``heat_backend/detect/models``.

``python -m tools.network_conversion.face_landmarker face_landmarker.task`` writes them and prints
how far each output is from LiteRT's on the same random input.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np

from heat_backend.inference.network import Network
from tools.network_conversion.litert import LiteRTNetwork
from tools.network_conversion.tflite_to_onnx import convert

MODELS = Path(__file__).resolve().parents[2] / "heat_backend" / "detect" / "models"

# File in the task -> file here, its input with a shape, its outputs. MediaPipe's graph does not use
# the landmark network's last output either.
NETWORKS = {
    "face_detector.tflite": (
        "face_detector.onnx",
        "image",
        (1, 128, 128, 3),
        ("boxes", "scores"),
    ),
    "face_landmarks_detector.tflite": (
        "face_landmarks.onnx",
        "image",
        (1, 256, 256, 3),
        ("landmarks", "presence", ""),
    ),
    "face_blendshapes.tflite": ("face_blendshapes.onnx", "points", (1, 146, 2), ("scores",)),
}


def main(arguments: list[str]) -> int:
    """Convert, compare, print."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    MODELS.mkdir(exist_ok=True)
    with zipfile.ZipFile(arguments[0]) as task:
        for name, (file, source, shape, outputs) in NETWORKS.items():
            tflite = task.read(name)
            path = MODELS / file
            any_size = file == "face_detector.onnx"
            path.write_bytes(convert(tflite, [source], outputs, any_size).SerializeToString())
            value = {source: np.random.default_rng(0).random(shape, np.float32)}
            expected = LiteRTNetwork(tflite, outputs).run(value)
            print(f"{file}: {path.stat().st_size} bytes")
            for output, result in Network(path).run(value).items():
                error = float(np.abs(result - expected[output]).max())
                size = float(np.abs(expected[output]).max())
                print(f"  {output}: largest difference {error:.1e} of {size:.3g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
