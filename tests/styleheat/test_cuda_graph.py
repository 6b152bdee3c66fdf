# SPDX-License-Identifier: GPL-3.0-or-later
"""Fallbacks of CUDA graph capture and compilation, and the prefetched frame of a clip.

A stand-in for the CUDA graph lets them run without a GPU.
"""

import numpy as np
import pytest
import torch

from heat_backend.styleheat import network_driver
from heat_backend.styleheat.driving import cuda_graph
from heat_backend.styleheat.driving.cuda_graph import CaptureStrategy, PendingFrame
from heat_backend.styleheat.driving.folded_networks import Placement
from heat_backend.styleheat.editing.frame_edits import FrameEdits

AGED = FrameEdits.held({"age": 1.0})


class Portrait:
    """Draws its descriptor's first number."""

    place = Placement(torch.device("cpu"), torch.float32)

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def pixels(self, descriptor):
        return (self.factor * descriptor.flatten()[0]).to(torch.uint8).expand(2, 2, 3)

    def picture(self, descriptor):
        return self.pixels(descriptor).numpy()


class Graph:
    """Stands for a CUDA graph, as far as the host can tell: three frames in flight."""

    def __init__(self, portrait, pixels) -> None:
        self.pixels = pixels
        self.begun: list = []
        self.fetched = 0

    def begin(self, descriptor):
        self.begun.append(self.pixels(descriptor.reshape(1, -1, 1)).numpy())
        return PendingFrame(0, len(self.begun))

    def fetch(self, pending):
        if len(self.begun) - pending.number >= 3:
            return None
        self.fetched += 1
        return self.begun[pending.number - 1]

    def picture(self, descriptor):
        return self.fetch(self.begin(descriptor))


def compiles(portrait, backend="inductor"):
    return lambda z: portrait.pixels(z)


@pytest.fixture
def graphs(monkeypatch) -> list:
    """Give the driver a stand-in for CUDA graphs; returns those that it captured."""
    made: list = []

    def record(portrait, pixels):
        made.append(Graph(portrait, pixels))
        return made[-1]

    monkeypatch.setattr(
        network_driver, "CaptureStrategy", lambda device: CaptureStrategy("cuda", record)
    )
    monkeypatch.setattr(cuda_graph, "compiled", compiles)
    monkeypatch.delenv("HEAT_COMPILE", raising=False)
    return made


def driver() -> network_driver.NetworkDriver:
    return network_driver.NetworkDriver(
        lambda frame_edits, half: Portrait(1.0 + dict(frame_edits.live).get("age", 0.0)),  # type: ignore[arg-type,return-value]
        "cpu",
        half=True,
    )


def described(value: float) -> np.ndarray:
    return np.full(256, value, np.float32)


def test_a_compiler_that_fails_is_noted_once_and_frames_are_drawn_without(monkeypatch) -> None:
    tried: list = []

    def broken(*_, **__):
        tried.append(1)
        raise RuntimeError("Cannot find a working triton installation\nand more")

    monkeypatch.setattr(torch, "compile", broken)
    monkeypatch.delenv("HEAT_COMPILE", raising=False)
    capture = CaptureStrategy("cuda", Graph)
    for _ in range(3):
        graph = capture.capture_graph(Portrait())
        assert graph is not None and graph.picture(torch.full((256, 1), 7.0))[0, 0, 0] == 7
    (note,) = capture.notes
    assert (
        "without torch.compile" in note and "triton installation" in note and "more\n" not in note
    )
    assert len(tried) == 1


def test_where_nothing_can_be_recorded_frames_are_drawn_step_by_step(monkeypatch) -> None:
    def refuses(portrait, pixels):
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(cuda_graph, "compiled", compiles)
    monkeypatch.setattr(
        network_driver, "CaptureStrategy", lambda device: CaptureStrategy("cuda", refuses)
    )
    made = driver()
    assert made.picture(described(9))[0, 0, 0] == 9
    for _ in range(2):
        assert made.picture(described(8), AGED)[0, 0, 0] == 16
    assert len(made.notes) == 2 and "step by step" in made.notes[1]


def test_a_compiled_frame_that_differs_is_not_used(monkeypatch) -> None:
    wrong = lambda portrait: lambda z: portrait.pixels(z) + 9  # noqa: E731
    monkeypatch.setattr(cuda_graph, "compiled", wrong)
    capture = CaptureStrategy("cuda", Graph)
    graph = capture.capture_graph(Portrait())
    assert graph is not None and graph.picture(torch.full((256, 1), 7.0))[0, 0, 0] == 7
    assert "differ by 9.0 levels" in capture.notes[0]


@pytest.mark.parametrize(("device", "switch", "used"), [("cuda", "0", True), ("cpu", "1", False)])
def test_the_compiler_stays_off_where_switched_off_and_on_the_cpu(
    device: str, switch: str, used: bool, monkeypatch
) -> None:
    def never(*_, **__):
        raise AssertionError("compiled")

    monkeypatch.setattr(torch, "compile", never)
    monkeypatch.setenv("HEAT_COMPILE", switch)
    capture = CaptureStrategy(device, Graph)
    assert (capture.capture_graph(Portrait()) is not None) == used
    assert capture.notes == ()


def test_the_expected_frame_is_drawn_once_and_any_other_anew(graphs) -> None:
    made = driver()
    for value in range(5):
        assert made.picture(described(value))[0, 0, 0] == value
        made.prefetch(described(value + 1))
    (graph,) = graphs
    assert len(graph.begun) == 6 and graph.fetched == 5
    assert made.picture(described(99))[0, 0, 0] == 99, "a preview in between"
    assert made.picture(described(5))[0, 0, 0] == 5


def test_an_expected_frame_that_others_displaced_is_drawn_again(graphs) -> None:
    made = driver()
    made.picture(described(1))
    made.prefetch(described(2))
    for _ in range(3):
        graphs[0].begin(torch.zeros(256, 1))
    assert made.picture(described(2))[0, 0, 0] == 2


def test_an_edit_that_is_not_ready_is_not_begun(graphs) -> None:
    made = driver()
    made.picture(described(10))
    made.prefetch(described(10), AGED)
    assert len(graphs) == 1 and len(graphs[0].begun) == 1
    assert made.picture(described(10), AGED)[0, 0, 0] == 20
    assert len(graphs) == 1, "a frame between two keys is drawn once: not worth recording"
    assert made.picture(described(10), AGED)[0, 0, 0] == 20
    made.prefetch(described(11), AGED)
    assert made.picture(described(11), AGED)[0, 0, 0] == 22
    assert len(graphs) == 2 and len(graphs[1].begun) == 2
