# SPDX-License-Identifier: GPL-3.0-or-later
"""The per-frame path gives what the published forward gives."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch import Tensor

from bridge.errors import BadInput
from heat_backend.styleheat import synthetic
from heat_backend.styleheat.conformance.case_run import SyntheticNetworks
from heat_backend.styleheat.fast.portrait import PreparedPortrait
from heat_backend.styleheat.forward import StyleHeat, forward
from heat_backend.styleheat.hfgi import Inversion
from heat_backend.styleheat.manifest import load_manifest

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
    as_colours = (got.clamp(-1, 1) - wanted.clamp(-1, 1)).abs().mean() / 2  # of 0 to 1
    assert as_colours <= 1 / 255


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
