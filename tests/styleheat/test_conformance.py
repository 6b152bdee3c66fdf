# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks give the recorded numbers; a network that is a little wrong does not."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from heat_backend.styleheat.conformance.case_file import CaseFile, find_cases
from heat_backend.styleheat.conformance.cases import ALL_CASES
from heat_backend.styleheat.conformance.run import CaseReport, run_case
from heat_backend.styleheat.conformance.synthetic import CaseRun, SyntheticNetworks
from heat_backend.styleheat.networks import flow
from heat_backend.styleheat.weights.manifest import load_manifest

pytestmark = pytest.mark.slow

CASES = find_cases(Path(__file__).parent / "cases")
LARGE = {
    "e4e_encoder", "hfgi_inverse", "styleheat_forward_video", "styleheat_forward_audio",
    "stylegan1024_plain", "stylegan1024_combined", "embedding_loss",
}  # fmt: skip
CPU = torch.device("cpu")


def _marked(case: CaseFile) -> object:
    marks = [pytest.mark.large] if case.name in LARGE else []
    return pytest.param(case, id=case.label, marks=marks)


@pytest.fixture(scope="module")
def networks() -> Iterator["PortraitCache"]:
    yield PortraitCache()


class PortraitCache:
    """Networks of one seed at a time, so that weights are made once and memory stays small."""

    def __init__(self) -> None:
        self.now: SyntheticNetworks | None = None

    def of(self, case: CaseFile) -> SyntheticNetworks:
        if self.now is None or self.now.seed != case.seed:
            self.now = SyntheticNetworks(load_manifest(), case.seed, CPU)
        return self.now


def named(name: str, seed: int = 1) -> CaseFile:
    (case,) = (c for c in CASES if c.name == name and c.seed == seed)
    return case


def fresh(case: CaseFile) -> SyntheticNetworks:
    """Networks that a test may spoil."""
    return SyntheticNetworks(load_manifest(), case.seed, CPU)


def told(report: CaseReport) -> str:
    bad = [f"{o.name}: {o.worst}" for o in report.outputs if not o.ok]
    return f"{report.name} seed {report.seed}: {report.failure or bad}"


@pytest.mark.parametrize("case", [_marked(case) for case in CASES])
def test_recorded_numbers(case: CaseFile, networks: PortraitCache) -> None:
    report = run_case(case, networks.of(case))
    assert report.ok, told(report)


def test_swapped_axes_of_the_flow_are_noticed(
    monkeypatch: pytest.MonkeyPatch, networks: PortraitCache
) -> None:
    right = flow.deformation
    monkeypatch.setattr(
        "heat_backend.styleheat.networks.warper.deformation", lambda field: right(field.flip(1))
    )
    case = named("video_warper")
    report = run_case(case, networks.of(case))
    failed = {output.name for output in report.outputs if not output.ok}
    assert failed == {"warp_image"}


def test_one_weight_in_a_million_is_noticed() -> None:
    case = named("hfgi_encoder")
    shelf = fresh(case)
    layer = shelf.get("hfgi_encoder").conv_layer2[1].res_layer[1]
    layer.weight.data[3, 5, 1, 1] += 0.01
    report = run_case(case, shelf)
    assert not report.ok
    assert report.failure is None


def test_a_kernel_turned_round_is_noticed() -> None:
    case = named("deep3d_recon")
    shelf = fresh(case)
    conv = shelf.get("deep3d_recon").backbone.layer2[1].conv2
    conv.weight.data = conv.weight.data.flip(2, 3)
    assert not run_case(case, shelf).ok


@pytest.mark.parametrize(
    "name", ["flow_util", "audio_warper", "hfgi_aligner", "deep3d_recon", "stylegan_mapping"]
)
def test_a_seed_without_recorded_numbers_runs_and_gives_other_finite_ones(name: str) -> None:
    case = replace(named(name), seed=31)
    made = fresh(case)
    outputs = ALL_CASES[name](CaseRun(case.inputs(), made))
    assert set(outputs) == set(case.outputs)
    for key, value in outputs.items():
        assert list(value.shape) == case.outputs[key]["shape"]
        assert torch.isfinite(torch.as_tensor(value)).all()
    assert not run_case(case, made).ok
