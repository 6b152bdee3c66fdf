# SPDX-License-Identifier: GPL-3.0-or-later
"""Latent edits: the published ones by name, a user's own beside them, and damaged files."""

import json
from pathlib import Path

import pytest
import torch

from bridge.errors import UsageError
from heat_backend.styleheat.editing import directions
from heat_backend.styleheat.editing.directions import find_edits
from heat_backend.styleheat.weights.folder import WeightsFolder


@pytest.fixture
def folder(tmp_path: Path) -> WeightsFolder:
    torch.manual_seed(0)
    (tmp_path / "interfacegan_directions").mkdir()
    for name in ("age", "pose"):
        torch.save(torch.randn(1, 18, 512), tmp_path / "interfacegan_directions" / f"{name}.pt")
    statistics = {"mean": torch.randn(1, 512), "comp": torch.randn(80, 1, 512) * 0.05}
    torch.save({**statistics, "std": torch.rand(80) + 0.5}, tmp_path / "ffhq_pca.pt")
    (tmp_path / "directions").mkdir()
    return WeightsFolder(tmp_path)


@pytest.fixture
def rows() -> torch.Tensor:
    return torch.randn(1, 18, 512, generator=torch.Generator().manual_seed(1))


def test_published_edits_at_full_strength_are_the_published_procedure(
    folder: WeightsFolder, rows: torch.Tensor
) -> None:
    edits = find_edits(folder)
    assert set(edits.edits) == {"age", "pose", "beard", "lip"}
    age = torch.load(folder.path / "interfacegan_directions" / "age.pt", weights_only=True)
    assert torch.allclose(edits.apply(rows, {"age": 1.0}), rows + directions.OLD * age, atol=1e-4)
    assert torch.allclose(
        edits.apply(rows, {"young": 1.0}), rows + directions.YOUNG * age, atol=1e-4
    )
    statistics = torch.load(folder.path / "ffhq_pca.pt", weights_only=True)
    beard = directions.component(statistics, 58, (7, 8)).apply(rows, -20.0)
    assert torch.allclose(edits.apply(rows, {"beard": 1.0}), beard, atol=1e-5)


def test_zero_is_off_and_order_does_not_matter(folder: WeightsFolder, rows: torch.Tensor) -> None:
    edits = find_edits(folder)
    assert torch.equal(edits.apply(rows, {"age": 0.0, "beard": 0.0}), rows)
    one = edits.apply(rows, {"age": 0.5, "beard": 0.7})
    other = edits.apply(rows, {"beard": 0.7, "age": 0.5})
    assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("shape", [(512,), (1, 512), (18, 512), (1, 18, 512)])
def test_a_dropped_in_direction_appears_under_its_name(
    shape: tuple[int, ...], folder: WeightsFolder, rows: torch.Tensor
) -> None:
    vector = torch.randn(shape)
    torch.save(vector, folder.path / "directions" / "glasses.pt")
    (folder.path / "directions" / "glasses.json").write_text('{"strength": 3}')
    edits = find_edits(folder)
    assert edits.edits["glasses"].source == "glasses.pt"
    assert torch.allclose(edits.apply(rows, {"glasses": 0.5}), rows + 1.5 * vector, atol=1e-5)


def test_dropped_in_components_by_number_or_by_name(
    folder: WeightsFolder, rows: torch.Tensor
) -> None:
    place = folder.path / "directions" / "space.pt"
    torch.save({"mean": torch.zeros(512), "comp": torch.eye(20, 512), "std": torch.ones(20)}, place)
    edits = find_edits(folder)
    assert {f"space_{i}" for i in range(10)} <= set(edits.edits)
    moved = edits.apply(rows, {"space_4": 1.0}) - rows
    assert torch.allclose(moved[..., 4], torch.tensor(3.0))
    assert moved.abs().sum() == pytest.approx(3.0 * 18, rel=1e-4)
    named = [{"name": "fringe", "component": 12, "rows": [2, 5], "place": 8.0}]
    place.with_suffix(".json").write_text(json.dumps({"edits": named}))
    edits = find_edits(folder)
    assert "space_4" not in edits.edits
    moved = edits.apply(rows, {"fringe": 1.0}) - rows
    assert moved[0, 2:6, 12].tolist() == pytest.approx([8.0 - float(rows[0, 0, 12])] * 4, rel=1e-4)
    assert float(moved[0, 6:].abs().max()) == 0.0


def test_a_bad_file_is_reported_and_costs_nothing_else(folder: WeightsFolder) -> None:
    own = folder.path / "directions"
    torch.save(torch.zeros(511), own / "short.pt")
    torch.save(torch.full((512,), float("nan")), own / "nan.pt")
    torch.save({"weights": torch.zeros(3)}, own / "other.pt")
    (own / "cut.pt").write_bytes(b"PK\3\4")
    torch.save(torch.zeros(512), own / "sidecar.pt")
    (own / "sidecar.json").write_text("{")
    found = find_edits(folder)
    assert {"age", "pose", "beard", "lip"} == set(found.edits)
    told = " ".join(found.problems)
    assert len(found.problems) == 5
    for words in ("short.pt holds 511", "nan.pt holds NaN", "other.pt holds neither",
                  "cut.pt is damaged", "sidecar.json cannot be read"):  # fmt: skip
        assert words in told


def test_an_unknown_edit_names_those_there_are(folder: WeightsFolder, rows: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="no latent edit 'hat'; there are: age, beard, lip, pose"):
        find_edits(folder).apply(rows, {"hat": 1.0})


def test_no_files_no_edits(tmp_path: Path) -> None:
    assert not find_edits(WeightsFolder(tmp_path)).edits


def test_an_edited_inversion_keeps_the_details_of_the_photo(rows: torch.Tensor) -> None:
    """The aligner gets the edited picture, and what the unedited codes had lost."""
    from types import SimpleNamespace
    from typing import Any, cast

    from heat_backend.styleheat.editing.edited_inversion import edited_inversion
    from heat_backend.styleheat.inversion.encoder import Encoded, Inverter

    given = []

    def generator(wplus: torch.Tensor, *_: object) -> SimpleNamespace:
        level = wplus.mean() * torch.ones(1, 3, 1024, 1024)
        return SimpleNamespace(image=level, f_latent=torch.zeros(1, 512, 64, 64))

    def aligner(pair: torch.Tensor) -> torch.Tensor:
        given.append(pair)
        return pair[:, :3]

    scale = torch.zeros(1, 512, 64, 64)
    networks: Any = (generator, None, None, aligner, lambda _: (scale, scale))
    inverter = Inverter(*cast(Any, networks))
    residual, rough = torch.full((1, 3, 256, 256), 0.25), torch.zeros(1, 3, 256, 256)
    found = edited_inversion(inverter, Encoded(rows, residual, rough), rows * 0 + 0.5)
    (pair,) = given
    assert torch.equal(pair[:, :3], residual)
    assert torch.allclose(pair[:, 3:], torch.tensor(0.5))
    assert torch.allclose(found.wplus, torch.tensor(0.5))
