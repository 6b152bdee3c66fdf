# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns MediaPipe's ``face_landmarker.task`` into the ONNX files of ``heat_backend/detect/models``.

``python -m tools.network_conversion.face_landmarker face_landmarker.task`` writes them and prints
how far each output is from LiteRT's on the same random input.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from heat_backend.inference.network import Network
from tools.network_conversion.tflite_to_onnx import convert

MODELS = Path(__file__).resolve().parents[2] / "heat_backend" / "detect" / "models"

# File in the task -> file here, its input and outputs. The landmark network's last output is not
# used by MediaPipe's graph either.
NETWORKS = {
    "face_detector.tflite": ("face_detector.onnx", "image", ("boxes", "scores")),
    "face_landmarks_detector.tflite": (
        "face_landmarks.onnx",
        "image",
        ("landmarks", "presence", ""),
    ),
    "face_blendshapes.tflite": ("face_blendshapes.onnx", "points", ("scores",)),
}


class LiteRT:
    """A network of the task, run by LiteRT."""

    def __init__(self, tflite: bytes) -> None:
        self._interpreter: Any = Interpreter(model_content=tflite, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self.shape = tuple(int(side) for side in self._input["shape"])

    def run(self, value: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Compute all outputs, in the file's order."""
        self._interpreter.set_tensor(self._input["index"], value)
        self._interpreter.invoke()
        # The order of the graph; that of get_output_details is the same.
        return [
            self._interpreter.get_tensor(out["index"]).copy()
            for out in self._interpreter.get_output_details()
        ]


def main(arguments: list[str]) -> int:
    """Convert, compare, print."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    MODELS.mkdir(exist_ok=True)
    with zipfile.ZipFile(arguments[0]) as task:
        for name, (file, source, outputs) in NETWORKS.items():
            tflite = task.read(name)
            path = MODELS / file
            any_size = file == "face_detector.onnx"
            path.write_bytes(convert(tflite, [source], outputs, any_size).SerializeToString())
            reference = LiteRT(tflite)
            value = np.random.default_rng(0).random(reference.shape, np.float32)
            found = Network(path).run({source: value})
            print(f"{file}: {path.stat().st_size} bytes")
            for output, expected in zip(outputs, reference.run(value), strict=True):
                if output:
                    error = float(np.abs(found[output] - expected).max())
                    size = float(np.abs(expected).max())
                    print(f"  {output}: largest difference {error:.1e} of {size:.3g}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
