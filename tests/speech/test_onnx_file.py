# SPDX-License-Identifier: GPL-3.0-or-later
"""The file that ``heat speak`` runs is the network that was trained, number for number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, the extra networks")
pytest.importorskip("onnx", reason="needs onnx, with which files of networks are written")

import torch

from bridge.errors import MissingHere
from heat_backend.media import mel
from heat_backend.speech import network
from tools.speech_training import onnx_file
from tools.speech_training.network import Shape, SpeechNet


@pytest.mark.parametrize(("batch", "frames"), [(1, 2), (1, 500), (2, 3000)])
def test_the_file_computes_what_torch_computes(batch: int, frames: int) -> None:
    heard = torch.randn(batch, frames, mel.BANDS, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        channels, closure, speech, kind = onnx_file.load(network.SHIPPED)(heard)
    found = network.shipped().run({network.LOG_MEL: heard.numpy()})
    expected = {
        network.CHANNELS: channels,
        network.CLOSURE: torch.sigmoid(closure),
        network.SPEECH: torch.sigmoid(speech),
        network.KIND: kind,
    }
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value.numpy(), atol=1e-5, rtol=1e-5)  # 6e-6


def test_what_was_learnt_survives_a_round_trip(tmp_path: Path) -> None:
    torch.manual_seed(3)
    learnt = SpeechNet(Shape((2, 3, 4), 5, 6, 2)).train()
    learnt(torch.randn(4, 64, mel.BANDS))  # the averages of the normalisations move
    onnx_file.save(learnt, tmp_path / "small.onnx")
    again = onnx_file.load(tmp_path / "small.onnx")
    assert again.shape == learnt.shape
    for name, value in learnt.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(
                again.state_dict()[name], value.half().float(), atol=0.0, rtol=0.0
            )


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_another_file_is_reported_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MissingHere, match=r"other\.onnx is no speech network"):
        onnx_file.load(path)
