# SPDX-License-Identifier: GPL-3.0-or-later
"""The per-frame path gives what the published forward gives."""

import shutil
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

from bridge.errors import BadInput
from heat_backend.styleheat.conformance import synthetic
from heat_backend.styleheat.conformance.synthetic import SyntheticNetworks
from heat_backend.styleheat.driving.cuda_graph import CaptureStrategy, compiled
from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
from heat_backend.styleheat.driving.stage_times import measure
from heat_backend.styleheat.networks.forward import Inversion, StyleHeat, forward
from heat_backend.styleheat.weights.manifest import load_manifest

pytestmark = pytest.mark.slow

SEED = 3


@lru_cache(maxsize=1)
def synthetic_networks() -> SyntheticNetworks:
    return SyntheticNetworks(load_manifest(), SEED, torch.device("cpu"))


def networks(size: int) -> StyleHeat:
    made = synthetic_networks()
    return StyleHeat(
        made.get("stylegan", size=size), made.get("video_warper"), made.get("calibrator")
    )  # type: ignore[arg-type]


def numbers(name: str, *shape: int, coarse: int | None = None) -> Tensor:
    kind = {"kind": "normal"} if coarse is None else {"kind": "smooth", "coarse": coarse}
    spec = kind | {"shape": shape, "scale": 1.0 if coarse is None else 0.5}
    return torch.from_numpy(synthetic.case_input(SEED, "fast", name, spec))


def inversion(rows: int) -> Inversion:
    return Inversion(
        numbers("ix", 1, 3, 256, 256, coarse=24).clamp(-1, 1),
        numbers("wplus", 1, rows, 512),
        numbers("fx", 1, 512, 64, 64),
        None,
    )


def both(size: int, half: bool) -> tuple[Tensor, Tensor]:
    """One frame by the published forward and by the prepared portrait, (3, size, size)."""
    nets, window = networks(size), numbers("window", 2, 73, 27)
    portrait = inversion(nets.generator.rows)
    with torch.inference_mode():
        wanted = forward(nets, portrait, window[1:], imsize=size).fake[0]
    prepared = PreparedPortrait.from_inversion(nets, portrait, half)
    return wanted, prepared.frame(prepared.descriptors(window)[1])


@pytest.mark.parametrize("size", [128, pytest.param(1024, marks=pytest.mark.large)])
def test_equals_the_published_forward(size: int) -> None:
    wanted, got = both(size, half=False)
    assert got.shape == (3, size, size)
    assert got.dtype == torch.float32
    assert (got - wanted).abs().max() < 5e-5
    assert (got - wanted).square().mean().sqrt() < 5e-6


@pytest.mark.parametrize("size", [128, pytest.param(1024, marks=pytest.mark.large)])
def test_half_precision_stays_within_one_level(size: int) -> None:
    wanted, got = both(size, half=True)
    assert torch.isfinite(got).all()
    assert not torch.equal(got, wanted)
    assert (got - wanted).abs().mean() <= 1 / 255  # of -1 to 1, so half a level of colour


def test_motion_moves_the_picture_and_nothing_is_kept_from_frame_to_frame() -> None:
    nets = networks(128)
    prepared = PreparedPortrait.from_inversion(nets, inversion(nets.generator.rows))
    first, second = prepared.descriptors(numbers("window", 2, 73, 27))
    before = prepared.frame(first)
    other = prepared.frame(second)
    assert (before - other).abs().mean() > 0.01
    assert torch.equal(prepared.frame(first), before)


def test_picture_is_the_frame_in_colours() -> None:
    nets = networks(128)
    prepared = PreparedPortrait.from_inversion(nets, inversion(nets.generator.rows))
    descriptor = prepared.descriptors(numbers("window", 1, 73, 27))[0]
    picture = prepared.picture(descriptor)
    frame = prepared.frame(descriptor).clamp(-1, 1).numpy().transpose(1, 2, 0)
    assert picture.shape == (128, 128, 3)
    assert picture.dtype == np.uint8
    assert np.abs(picture - np.floor((frame + 1) / 2 * 255)).max() <= 1


def test_an_inversion_that_is_not_finite_is_refused() -> None:
    nets = networks(128)
    bad = inversion(nets.generator.rows)
    bad = replace(bad, fx=bad.fx.clone().fill_(float("nan")))
    with pytest.raises(BadInput, match="not finite"):
        PreparedPortrait.from_inversion(nets, bad)


def test_every_stage_is_timed() -> None:
    nets = networks(128)
    portrait = inversion(nets.generator.rows)
    times = measure(nets, portrait, numbers("window", 3, 73, 27), repeats=1)
    assert list(times.stages) == ["flow", "warp", "calibration", "generator"]
    assert min(times.prepare, times.mapping, times.published, *times.stages.values()) > 0
    assert times.ratio == (times.frame + times.mapping) / times.published


BACKENDS = [
    "aot_eager",
    pytest.param(
        "inductor",
        marks=[
            pytest.mark.large,
            pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler here"),
        ],
    ),
]


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_frames_are_the_portraits_own_and_compiled_once(backend: str) -> None:
    nets = networks(128)
    found = inversion(nets.generator.rows)
    counters.clear()
    for one in (found, replace(found, fx=0.5 * found.fx)):
        prepared = PreparedPortrait.from_inversion(nets, one)
        draw = compiled(prepared, backend)
        for descriptor in prepared.descriptors(numbers("window", 2, 73, 27)):
            with torch.inference_mode():
                apart = (draw(descriptor[None]).int() - prepared.pixels(descriptor)).abs()
            assert apart.max() <= 1
            assert apart.float().mean() < 0.01
    assert counters["stats"]["unique_graphs"] == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("switch", ["0", "1"])
def test_recorded_frames_are_the_portraits_own(switch: str, monkeypatch) -> None:
    monkeypatch.setenv("HEAT_COMPILE", switch)
    made = SyntheticNetworks(load_manifest(), SEED, torch.device("cuda"))
    nets = StyleHeat(
        made.get("stylegan", size=128), made.get("video_warper"), made.get("calibrator")
    )  # type: ignore[arg-type]
    prepared = PreparedPortrait.from_inversion(nets, inversion(nets.generator.rows), half=True)
    ways = CaptureStrategy("cuda")
    graph = ways.recorded(prepared)
    assert graph is not None and ways.notes == ()
    descriptors = prepared.descriptors(numbers("window", 5, 73, 27))
    begun = [graph.begin(descriptor) for descriptor in descriptors]
    fetched = [graph.fetch(one) for one in begun]
    assert fetched[:2] == [None, None], "later frames have taken their place"
    for descriptor, picture in zip(descriptors[2:], fetched[2:], strict=True):
        assert picture is not None
        apart = np.abs(picture.astype(int) - prepared.picture(descriptor))
        assert apart.max() <= 4 and apart.mean() <= 0.5
