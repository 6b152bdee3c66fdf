# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the weights are looked for, and what ``heat doctor`` says of them."""

from pathlib import Path

import pytest

from bridge.errors import BadInput
from heat_backend.styleheat.commands.checks import check_checkpoints
from heat_backend.styleheat.weights import folder as weights_folder
from heat_backend.styleheat.weights.folder import find_folder
from tests.styleheat import layout_files


def test_named_folder_then_variable_then_user_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEAT_WEIGHTS", str(tmp_path / "by variable"))
    assert find_folder(tmp_path / "named").path == tmp_path / "named"
    assert find_folder().path == tmp_path / "by variable"
    monkeypatch.delenv("HEAT_WEIGHTS")
    assert find_folder().path == weights_folder.default_path()


def test_a_checkout_is_taken_by_its_root_too(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert find_folder(tmp_path).path == tmp_path / "checkpoints"
    (tmp_path / "hfgi.pth").touch()
    assert find_folder(tmp_path).path == tmp_path, "files beside it say that this is the folder"


def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="is not a folder"):
        find_folder(tmp_path / "file")


def test_doctor_tells_none_some_and_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAT_WEIGHTS", str(tmp_path / "weights"))
    check = check_checkpoints()
    assert (check.state, check.mend) == ("optional", "heat weights fetch")
    assert str(tmp_path / "weights") in check.detail
    (tmp_path / "weights").mkdir()
    layout_files.write_checkpoints(tmp_path / "weights")
    check = check_checkpoints()
    assert check.state == "ok"
    assert check.detail.startswith("all 6 that the engine needs")
    (tmp_path / "weights" / "BFM" / "BFM_model_front.mat").unlink()
    (tmp_path / "weights" / "hfgi.pth").unlink()
    check = check_checkpoints()
    assert check.state == "optional"
    assert "lacks hfgi.pth, BFM;" in check.detail
