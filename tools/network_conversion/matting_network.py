# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts Robust Video Matting from TensorFlow.js to the file that ships with Heat.

    python -m tools.network_conversion.matting_network FOLDER/rvm.json

The part for a down-sampling ratio of 1 is taken: what reduces the picture and refines the matte
afterwards is ``heat_backend.layers.matte``'s. The outcome is compared with the graph as numpy
computes it, and written only if both agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx

from heat_backend.inference.network import Network
from heat_backend.layers.matting_network import SHIPPED
from tools.network_conversion.tfjs_evaluation import evaluate
from tools.network_conversion.tfjs_graph import Array, Graph, read_graph
from tools.network_conversion.tfjs_to_onnx import convert

STATES = {"r1": "Identity_2", "r2": "Identity_3", "r3": "Identity_4", "r4": "Identity_5"}
MATTE = "Identity_1"
WHOLE = {"downsample_ratio": 1.0}
AGREE = 1e-3  # mattes 0..1: a quarter of a level of 255 would not show


def convert_matting_network(graph: Graph) -> onnx.ModelProto:
    """Convert the graph of Robust Video Matting.

    The model's inputs are ``src`` (1, 3, H, W), RGB in 0..1, H and W multiples of 16, and the
    recurrent states ``r1i`` to ``r4i`` (1, C, h, w), zeros (1, 1, 1, 1) at first; its outputs
    ``pha`` (1, 1, H, W), the matte in 0..1, and the states ``r1o`` to ``r4o``.
    """
    inputs: dict[str, list[int | str]] = {"src": [1, 3, "height", "width"]}
    for state in STATES:
        inputs[f"{state}i"] = [1, *(f"{state}_{size}" for size in ("channels", "height", "width"))]
    outputs = {"pha": MATTE, **{f"{state}o": name for state, name in STATES.items()}}
    return convert(graph, inputs, outputs, WHOLE)


def largest_difference(graph: Graph, network: Network, picture: Array) -> float:
    """Difference of the mattes by graph and model of a picture shown to both twice.

    Parameters
    ----------
    graph : Graph
    network : Network
    picture : ndarray, shape (H, W, 3), float32
        RGB in 0..1.
    """
    zero = np.zeros((1, 1, 1, 1), np.float32)
    ours = {"src": np.ascontiguousarray(picture.transpose(2, 0, 1)[None])}
    ours |= {f"{state}i": zero for state in STATES}
    theirs: dict[str, Array] = {"src": picture[None], "downsample_ratio": np.ones((), np.float32)}
    theirs |= {f"{state}i": zero for state in STATES}
    worst = 0.0
    for _ in range(2):
        found = network.run(ours)
        matte, *states = evaluate(graph, theirs, [MATTE, *STATES.values()])
        worst = max(worst, float(np.abs(found["pha"][0, 0] - matte[0, ..., 0]).max()))
        ours |= {f"{state}i": found[f"{state}o"] for state in STATES}
        theirs |= {f"{state}i": value for state, value in zip(STATES, states, strict=True)}
    return worst


def main() -> None:
    """Convert, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("graph", type=Path)
    graph = read_graph(parser.parse_args().graph)
    model = convert_matting_network(graph)
    new = SHIPPED.with_suffix(".new")
    onnx.save(model, new)
    picture = np.random.default_rng(0).random((96, 48, 3), np.float32)
    difference = largest_difference(graph, Network(new), picture)
    if difference > AGREE:
        new.unlink()
        raise SystemExit(f"the model differs from the graph by {difference:.2g}")
    new.replace(SHIPPED)
    print(f"{SHIPPED}: {SHIPPED.stat().st_size} bytes, differs by {difference:.2g}")


if __name__ == "__main__":
    main()
