# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped matting network computes what the published TensorFlow.js graph does."""

from pathlib import Path

import numpy as np
import pytest

from heat_backend.inference.network import Network
from heat_backend.layers.matting_network import SHIPPED
from tests.portraits import photo

GRAPH = Path(__file__).resolve().parents[3] / "shared" / "models" / "rvm.json"


@pytest.mark.parametrize("shape", [(96, 48), (64, 112)])
def test_the_shipped_network_gives_the_graphs_matte(shape: tuple[int, int]) -> None:
    pytest.importorskip("onnx")
    if not GRAPH.is_file():
        pytest.skip("needs ../shared/models/rvm.json")
    from tools.network_conversion.matting_network import AGREE, largest_difference
    from tools.network_conversion.tfjs_graph import read_graph

    picture = photo().pixels[: 4 * shape[0] : 4, 60 : 60 + 4 * shape[1] : 4] / np.float32(255.0)
    assert picture.shape == (*shape, 3)
    difference = largest_difference(read_graph(GRAPH), Network(SHIPPED), picture)
    assert difference < AGREE  # 4e-6 on x86-64
