# SPDX-License-Identifier: GPL-3.0-or-later
"""Time of each stage of a frame, beside the published forward in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from heat_backend.styleheat.driving.cuda_graph import CaptureStrategy, FrameGraph
from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
from heat_backend.styleheat.networks.flow import warp
from heat_backend.styleheat.networks.forward import Inversion, StyleHeat, forward


@dataclass(frozen=True)
class StageTimes:
    """Median seconds."""

    prepare: float
    """Once a portrait, after its inversion."""
    mapping: float
    """A frame's share of the mapping network over a clip."""
    stages: dict[str, float]
    """Of one frame, in order."""
    frame: float
    """One frame, to float colours on the device."""
    picture: float
    """The same, to uint8 colours in the host's memory."""
    published: float
    """One frame by the published forward: two generator passes, all calibration tensors."""
    streamed: float | None = None
    """A frame of a clip to the host, the next begun meanwhile; None where nothing is recorded."""
    notes: tuple[str, ...] = ()
    """Why frames are not streamed in the quickest way."""

    @property
    def ratio(self) -> float:
        """A frame's time in parts of the published forward's."""
        return (self.frame + self.mapping) / self.published


def measure(
    networks: StyleHeat, inversion: Inversion, windows: Tensor, half: bool = False, repeats: int = 3
) -> StageTimes:
    """Time a portrait's frames and the published forward, in turns.

    Parameters
    ----------
    networks : StyleHeat
        In eval mode on the device to be measured.
    inversion : Inversion
        Of one picture.
    windows : Tensor
        (N, 73, 27), a clip.
    half : bool
        Measure half precision; the published forward is timed in float32.
    repeats : int
        Turns; the median counts.
    """
    device = networks.generator.input.input.device
    clock = _Clock(device)
    began = clock()
    portrait = PreparedPortrait.from_inversion(networks, inversion, half)
    prepared = clock() - began
    windows = windows.to(device)
    descriptors = portrait.descriptors(windows)
    portrait.frame(descriptors[0])  # the first one also chooses kernels
    taken: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], object]) -> None:
        start = clock()
        work()
        taken.setdefault(name, []).append(clock() - start)

    size = networks.generator.size
    with torch.inference_mode():
        for turn in range(repeats):
            z = descriptors[turn % len(descriptors)]
            window = windows[turn % len(windows)][None]
            timed("published", partial(forward, networks, inversion, window, imsize=size))
            timed("frame", partial(portrait.frame, z))
            timed("picture", partial(portrait.picture, z))
            timed("mapping", partial(portrait.descriptors, windows))
            _stages(portrait, z[None], timed)
    ways = CaptureStrategy(device.type)
    streamed = _streamed(ways.capture_graph(portrait), descriptors, clock)
    middle = {name: statistics.median(values) for name, values in taken.items()}
    whole = ("published", "frame", "picture", "mapping")
    return StageTimes(
        prepare=prepared,
        mapping=middle["mapping"] / len(windows),
        stages={name: value for name, value in middle.items() if name not in whole},
        frame=middle["frame"],
        picture=middle["picture"],
        published=middle["published"],
        streamed=streamed,
        notes=ways.notes,
    )


def _stages(
    portrait: PreparedPortrait, z: Tensor, timed: Callable[[str, Callable[[], object]], None]
) -> None:
    """Time the parts of one frame."""
    places = portrait.flow(z)
    feature = warp(portrait.fx, places).contiguous(memory_format=torch.channels_last)
    mended = portrait.calibration(feature, z).to(portrait.place.dtype)
    timed("flow", partial(portrait.flow, z))
    timed("warp", partial(warp, portrait.fx, places))
    timed("calibration", partial(portrait.calibration, feature, z))
    timed("generator", partial(portrait.generator, mended))


def _streamed(graph: FrameGraph | None, descriptors: Tensor, clock: _Clock) -> float | None:
    """Time a clip as an export draws it; seconds for a frame."""
    if graph is None:
        return None
    start = clock()
    begun = graph.begin(descriptors[0])
    for following in descriptors[1:]:
        ahead = graph.begin(following)
        graph.fetch(begun)
        begun = ahead
    graph.fetch(begun)
    return (clock() - start) / len(descriptors)


class _Clock:
    """Seconds, with the device's queue run empty."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()
