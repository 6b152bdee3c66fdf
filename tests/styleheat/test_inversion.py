# SPDX-License-Identifier: GPL-3.0-or-later
"""Inversion as a job: it improves, shows itself, stops when told, and is kept."""

from pathlib import Path

import numpy as np
import pytest
import torch

from bridge.errors import BadInput, Cancelled, UsageError
from heat_backend.styleheat.inversion import cache, methods
from heat_backend.styleheat.inversion.methods import CodeStatistics
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.networks.registry import build_network

pytestmark = pytest.mark.slow


class SmallEye(torch.nn.Module):
    """Stands for VGG19, which takes seconds a step: the picture in two sizes."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [torch.nn.functional.avg_pool2d(images, size) for size in (2, 4)]


def watching(clamped_256: list, cancel_after: int | None = None) -> methods.InversionMonitor:
    told: list = []

    def progress(text: str, share: float) -> None:
        told.append((text, share))

    def cancelled() -> bool:
        return cancel_after is not None and len(told) >= cancel_after

    monitor = methods.InversionMonitor(progress, cancelled, clamped_256.append)
    object.__setattr__(monitor, "told", told)
    return monitor


@pytest.fixture(scope="module")
def small():
    """A generator of 64 px, its inversion of a picture of its own, and what judges it."""
    torch.manual_seed(5)
    generator = build_network("stylegan", size=64).eval().requires_grad_(False)
    loss_models = methods.LossModels(
        SmallEye(), CodeStatistics(torch.zeros(512), torch.eye(16, 512), torch.full((16,), 3.0))
    )
    with torch.no_grad():
        codes = generator.codes(generator.style(torch.randn(1, 512)))
        made = generator(codes)
        start = Inversion(made.image, codes, made.f_latent, None)
        target = generator(codes + 0.3 * torch.randn_like(codes)).image
    return generator, start, target, loss_models


def test_optimising_comes_nearer_and_keeps_the_coarse_rows(small) -> None:
    generator, start, target, loss_models = small
    clamped_256: list = []
    monitor = watching(clamped_256)
    found = methods.optimize(generator, start, target, loss_models, monitor, steps=6)
    before = (start.ix - target).square().mean()
    with torch.no_grad():
        again = generator(found.wplus, methods.Conditions(f=found.fx)).image
    assert (again - target).square().mean() < 0.95 * before
    torch.testing.assert_close(found.wplus[:, :9], start.wplus[:, :9])
    assert not torch.equal(found.wplus[:, 9:], start.wplus[:, 9:])
    assert found.condition is None
    assert found.ix.shape == (1, 3, 256, 256)
    assert len(clamped_256) >= 2 and clamped_256[0].shape == (1, 3, 64, 64)
    shares = [share for _, share in monitor.told]
    assert shares == sorted(shares) and len(shares) == 6


def test_cancel_stops_between_steps(small) -> None:
    monitor = watching([], cancel_after=2)
    with pytest.raises(Cancelled):
        methods.optimize(*small, monitor, steps=50)
    assert len(monitor.told) == 2


def test_numbers_without_end_are_reported(small) -> None:
    generator, start, target, loss_models = small
    with pytest.raises(BadInput, match="encode"):
        methods.optimize(
            generator, start, target * float("nan"), loss_models, watching([]), steps=2
        )


def test_unknown_method_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="encode, optimize, coarse"):
        methods.check_method("magic")


def some(seed: int) -> Inversion:
    torch.manual_seed(seed)
    pair = (torch.randn(1, 4), torch.randn(1, 4))
    return Inversion(
        torch.randn(1, 3, 8, 8), torch.randn(1, 18, 512), torch.randn(1, 512, 64, 64), pair
    )


def test_kept_inversion_is_found_by_picture_weights_and_method(tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    key = cache.inversion_key(picture, "w1", "encode")
    assert cache.read_inversion(tmp_path, key) is None
    kept = some(1)
    cache.save_inversion(tmp_path, key, kept)
    found = cache.read_inversion(tmp_path, key)
    assert found is not None and found.condition is not None
    torch.testing.assert_close(found.fx, kept.fx)
    torch.testing.assert_close(found.condition[1], kept.condition[1])
    others = {
        cache.inversion_key(picture + 1, "w1", "encode"),
        cache.inversion_key(picture, "w2", "encode"),
        cache.inversion_key(picture, "w1", "optimize"),
    }
    assert len(others | {key}) == 4


def test_damaged_kept_inversion_is_none(tmp_path: Path) -> None:
    cache.save_inversion(tmp_path, "k", some(2))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert cache.read_inversion(tmp_path, "k") is None


def test_only_the_newest_are_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cache, "MAX_CACHED", 2)
    for number in range(4):
        cache.save_inversion(tmp_path, f"{number}", some(number))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache.save_inversion(blocked / "below", "k", some(1))
