# SPDX-License-Identifier: GPL-3.0-or-later
"""A TensorFlow Lite network, run by LiteRT: what a converted one is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray


class LiteRTNetwork:
    """A network of the task, run by LiteRT, with the names and the ``run`` of ``Network``."""

    def __init__(self, tflite: bytes, outputs: tuple[str, ...]) -> None:
        self._interpreter: Any = Interpreter(model_content=tflite, num_threads=1)
        self._outputs = outputs

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Compute all outputs."""
        (value,) = inputs.values()
        index = self._interpreter.get_input_details()[0]["index"]
        self._interpreter.resize_tensor_input(index, value.shape)
        self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        found = self._interpreter.get_output_details()
        return {
            name: self._interpreter.get_tensor(out["index"]).copy()
            for name, out in zip(self._outputs, found, strict=True)
        }
