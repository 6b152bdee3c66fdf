# SPDX-License-Identifier: GPL-3.0-or-later
"""The network as the ONNX file that ``heat speak`` runs, and back, to go on learning.

The graph is written node by node, as https://onnx.ai/onnx/operators/ describes them. Weights are
kept in half precision and cast to single precision when the file is opened.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bridge.errors import MissingHere
from bridge.whole_file import whole_file
from heat_backend.media import mel
from heat_backend.speech.network import CHANNELS, CLOSURE, KIND, LOG_MEL, SPEECH
from heat_backend.speech.visemes import CLASSES, COUNT
from tools.speech_training.network import Shape, SpeechNet

OPSET = 17  # of 2022, and all that is needed
IR_VERSION = 8  # the one that belongs to it
# Order of an LSTM's gates: torch has input, forget, cell, output; ONNX input, output, forget, cell.
TO_ONNX, TO_TORCH = (0, 3, 1, 2), (0, 2, 3, 1)
DIRECTIONS = ("", "_reverse")  # ends of torch's names

Array = NDArray[np.float32]


def save(network: SpeechNet, path: Path) -> None:
    """Write the network, as it is in evaluation mode; the file appears whole or not at all."""
    model = _Graph(network).model()
    onnx.checker.check_model(model, full_check=True)
    with whole_file(path) as part:
        part.write_bytes(model.SerializeToString())


def load(path: Path) -> SpeechNet:
    """Read a network that :func:`save` wrote, in evaluation mode.

    Raises
    ------
    MissingHere
        The file is not there or is not one of ours.
    """
    try:
        stored = onnx.load(path).graph.initializer
        weights = {one.name: numpy_helper.to_array(one).astype(np.float32) for one in stored}
        network = SpeechNet(_shape(weights))
        state = {name: torch.from_numpy(value) for name, value in _torch_names(weights)}
        network.load_state_dict(state, strict=False)
    except (OSError, DecodeError, KeyError, RuntimeError) as error:
        raise MissingHere(f"{path} is no speech network of tools.speech_training") from error
    return network.eval()


class _Graph:
    """Nodes and weights, added one after another; methods return the name of what a node gives."""

    def __init__(self, network: SpeechNet) -> None:
        self._network = network
        self._state = {
            name: value.detach().cpu().numpy() for name, value in network.state_dict().items()
        }
        self._nodes: list[onnx.NodeProto] = []
        self._stored: list[onnx.TensorProto] = []

    def model(self) -> onnx.ModelProto:
        """Return the whole network as a model."""
        x = self._node("Unsqueeze", LOG_MEL, self._integers("image", 1))
        for place, layer in enumerate(self._network.front):
            x = self._front_layer(x, f"front.{place}", layer)
        x = self._node("Transpose", x, perm=(2, 0, 1, 3))  # to time, batch, channels, bands
        flat = self._integers("flat", 0, 0, -1)
        x = self._node("Reshape", x, flat)
        x = self._node("Relu", self._linear(x, "narrow.0"))
        for number in range(self._network.shape.layers):
            x = self._node("Reshape", self._lstm(x, number), flat)
        x = self._node("Transpose", x, perm=(1, 0, 2))
        last = self._integers("last", 2)
        self._node("Identity", self._linear(x, "channels"), gives=CHANNELS)
        self._node("Identity", self._linear(x, "kind"), gives=KIND)
        for head, output in (("shut", CLOSURE), ("speech", SPEECH)):
            logit = self._node("Squeeze", self._linear(x, head), last)
            self._node("Sigmoid", logit, gives=output)
        graph = helper.make_graph(
            self._nodes,
            "speech",
            [_value(LOG_MEL, "frames", mel.BANDS)],
            [
                _value(CHANNELS, "steps", COUNT),
                _value(CLOSURE, "steps"),
                _value(SPEECH, "steps"),
                _value(KIND, "steps", len(CLASSES)),
            ],
            self._stored,
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="heat tools.speech_training",
        )

    def _front_layer(self, x: str, name: str, layer: nn.Module) -> str:
        match layer:
            case nn.Conv2d():
                weight = self._weight(f"{name}.weight")
                return self._node("Conv", x, weight, kernel_shape=(3, 3), pads=(1, 1, 1, 1))
            case nn.BatchNorm2d():
                parts = ("weight", "bias", "running_mean", "running_var")
                weights = (self._weight(f"{name}.{part}") for part in parts)
                return self._node("BatchNormalization", x, *weights, epsilon=layer.eps)
            case nn.MaxPool2d():
                size = layer.kernel_size
                return self._node("MaxPool", x, kernel_shape=size, strides=size)
            case nn.ReLU():
                return self._node("Relu", x)
        raise TypeError(f"{name}: {layer}")

    def _linear(self, x: str, name: str) -> str:
        weight = self._weight(f"{name}.weight", self._state[f"{name}.weight"].T)
        return self._node("Add", self._node("MatMul", x, weight), self._weight(f"{name}.bias"))

    def _lstm(self, x: str, layer: int) -> str:
        """Add a layer in both directions to ``x`` (T, B, inputs); gives (T, B, 2, hidden)."""

        def both(*kinds: str) -> Array:
            return np.stack([
                np.concatenate([
                    _gates(self._state[f"memory.{kind}_l{layer}{end}"], TO_ONNX) for kind in kinds
                ])
                for end in DIRECTIONS
            ])  # fmt: skip

        name = f"memory.{layer}"
        made = self._node(
            "LSTM",
            x,
            self._weight(f"{name}.inputs", both("weight_ih")),
            self._weight(f"{name}.recurrence", both("weight_hh")),
            self._weight(f"{name}.biases", both("bias_ih", "bias_hh")),
            hidden_size=self._network.shape.hidden,
            direction="bidirectional",
        )
        return self._node("Transpose", made, perm=(0, 2, 1, 3))  # from time, direction, batch

    def _node(self, kind: str, *takes: str, gives: str = "", **attributes: Any) -> str:
        gives = gives or f"x{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, takes, [gives], **attributes))
        return gives

    def _weight(self, name: str, value: Array | None = None) -> str:
        """Store a weight in half precision and return its name in single precision."""
        stored = self._state[name] if value is None else value
        self._stored.append(numpy_helper.from_array(np.ascontiguousarray(stored, np.float16), name))
        return self._node("Cast", name, gives=f"{name}.single", to=TensorProto.FLOAT)

    def _integers(self, name: str, *values: int) -> str:
        self._stored.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name


def _value(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ("batch", *shape))


def _gates(stacked: Array, order: tuple[int, ...]) -> Array:
    """Reorder the four gates that lie along the first axis."""
    return np.concatenate([np.split(stacked, 4)[gate] for gate in order])


def _shape(weights: dict[str, Array]) -> Shape:
    a, b, c = (len(weights[f"front.{place}.weight"]) for place in (0, 7, 14))
    layers = sum(name.endswith(".recurrence") for name in weights)
    hidden = weights["memory.0.recurrence"].shape[2]
    return Shape((a, b, c), len(weights["narrow.0.bias"]), hidden, layers)


def _torch_names(weights: dict[str, Array]) -> Iterable[tuple[str, Array]]:
    """Names and values of torch's ``state_dict``."""
    for name, value in weights.items():
        part, _, kind = name.rpartition(".")
        if part.startswith("memory."):
            halves = {"inputs": ("weight_ih",), "recurrence": ("weight_hh",)}
            kinds = halves.get(kind, ("bias_ih", "bias_hh"))
            for end, one in zip(DIRECTIONS, value, strict=True):
                for torch_kind, half in zip(kinds, np.split(one, len(kinds)), strict=True):
                    layer = part.removeprefix("memory.")
                    yield f"memory.{torch_kind}_l{layer}{end}", _gates(half, TO_TORCH)
        elif value.ndim == 2:  # a linear layer's matrix, which ONNX multiplies from the right
            yield name, np.ascontiguousarray(value.T)
        elif kind:
            yield name, value
