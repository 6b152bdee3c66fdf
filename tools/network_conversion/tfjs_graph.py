# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as TensorFlow.js stores it: a JSON file of operations and a file of weights.

The layout is that of TensorFlow.js's "graph-model" format: TensorFlow's operations with tensors in
the order N, H, W, C, and weights that may be quantised to uint8, ``w = uint8 * scale + min``.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Weight:
    """A constant of the graph.

    Attributes
    ----------
    stored : ndarray
        As in the file: uint8 where it is quantised.
    scale, minimum : float or None
        Of a quantised one.
    """

    stored: Array
    scale: float | None = None
    minimum: float | None = None

    @property
    def value(self) -> Array:
        """The constant itself, float32 where it is quantised."""
        if self.scale is None or self.minimum is None:
            return self.stored
        return self.stored.astype(np.float32) * np.float32(self.scale) + np.float32(self.minimum)


@dataclass(frozen=True)
class Node:
    """An operation.

    Attributes
    ----------
    name, op : str
        Its own name, and TensorFlow's name of the operation.
    inputs : tuple of (str, int)
        Node and output of each input; those that only order the execution are left out.
    attributes : dict
        Numbers, strings, booleans and lists of them.
    """

    name: str
    op: str
    inputs: tuple[tuple[str, int], ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """Operations in order of execution, and weights, by name."""

    nodes: dict[str, Node]
    weights: dict[str, Weight]


def read_graph(file: Path) -> Graph:
    """Read a graph and the weights that lie beside it.

    Parameters
    ----------
    file : pathlib.Path
        The JSON file.
    """
    whole = json.loads(file.read_text("utf-8"))
    nodes = {}
    for entry in whole["modelTopology"]["node"]:
        inputs = tuple(reference(i) for i in entry.get("input", ()) if not i.startswith("^"))
        attributes = {key: _attribute(value) for key, value in entry.get("attr", {}).items()}
        nodes[entry["name"]] = Node(entry["name"], entry["op"], inputs, attributes)
    weights: dict[str, Weight] = {}
    for group in whole["weightsManifest"]:
        data = b"".join((file.parent / path).read_bytes() for path in group["paths"])
        at = 0
        for entry in group["weights"]:
            quantised = entry.get("quantization")
            kind = np.dtype(quantised["dtype"] if quantised else entry["dtype"])
            count = math.prod(entry["shape"])
            stored = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
            at += stored.nbytes
            more = (quantised["scale"], quantised["min"]) if quantised else (None, None)
            weights[entry["name"]] = Weight(stored, *more)
    return Graph(nodes, weights)


def reference(text: str) -> tuple[str, int]:
    """Split the name of a node's output, ``name`` or ``name:1``."""
    name, _, output = text.partition(":")
    return name, int(output or 0)


def _attribute(value: dict[str, Any]) -> Any:
    """Read an attribute: a value under the name of its kind, integers as text, text in base64."""
    ((kind, content),) = value.items()
    if kind == "list":
        return [_attribute({k: item}) for k, items in content.items() for item in items]
    if kind == "i":
        return int(content)
    if kind == "s":
        return base64.b64decode(content).decode("ascii")
    return content
