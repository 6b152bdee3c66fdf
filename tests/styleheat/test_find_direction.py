# SPDX-License-Identifier: GPL-3.0-or-later
"""A new attribute's direction from two folders of examples, where the true one is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bridge.errors import BadInput, UsageError
from heat_backend.styleheat import find_direction
from heat_backend.styleheat.editing.directions import find_edits
from heat_backend.styleheat.find_direction import find_boundary
from heat_backend.styleheat.weights.folder import WeightsFolder

pytestmark = pytest.mark.slow

ROWS = (18, 512)


def codes(count: int, seed: int, shift: np.ndarray) -> np.ndarray:
    """Codes as encoders give them: rows that go together, within few dimensions mostly."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(99).normal(size=(40, 512)) / np.sqrt(512)
    shared = random.normal(size=(count, 40)) @ basis
    return (shared[:, None] + random.normal(0, 0.15, (count, *ROWS)) + shift).astype(np.float32)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """A direction that moves rows 4 to 9 only."""
    way = np.zeros(ROWS)
    way[4:10] = np.random.default_rng(3).normal(size=512) / np.sqrt(512)
    return way


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


def test_the_true_direction_is_found_and_held_out_examples_are_told_apart(truth) -> None:
    found = find_boundary(codes(60, 1, 3.0 * truth), codes(50, 2, 0.0 * truth))
    assert cosine(found.direction, truth) > 0.8
    assert found.accuracy > 0.95
    assert np.linalg.norm(found.direction) == pytest.approx(1.0)
    share = cosine(found.direction, truth) * 3.0 * np.linalg.norm(truth)
    assert found.separation == pytest.approx(share, rel=0.15)


def test_without_a_difference_held_out_accuracy_is_guessing(truth) -> None:
    found = find_boundary(codes(60, 1, 0 * truth), codes(60, 2, 0 * truth))
    assert 0.3 < found.accuracy < 0.7


def test_uneven_folders_do_not_bias_the_accuracy(truth) -> None:
    found = find_boundary(codes(8, 1, 0 * truth), codes(120, 2, 0 * truth))
    assert found.accuracy < 0.75


def test_too_few_or_equal_examples_are_reported(truth) -> None:
    with pytest.raises(BadInput, match="3 usable pictures"):
        find_boundary(codes(3, 1, truth), codes(9, 2, truth))
    same = np.ones((5, *ROWS), np.float32)
    with pytest.raises(BadInput, match="same codes"):
        find_boundary(same, same)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Pictures whose brightness is all that an encoder of tests sees."""
    random = np.random.default_rng(0)
    for name, middle in (("with", 170), ("without", 80)):
        (tmp_path / name).mkdir()
        for number in range(12):
            tone = int(middle + random.integers(-25, 25))
            Image.new("RGB", (32, 32), (tone,) * 3).save(tmp_path / name / f"{number:02}.png")
    (tmp_path / "with" / "notes.txt").write_text("not a picture")
    return tmp_path / "with", tmp_path / "without"


def encode(truth: np.ndarray):
    """An encoder for which brightness is the attribute."""
    random = np.random.default_rng(5)

    def made(crop: np.ndarray) -> np.ndarray:
        level = (float(crop.mean()) - 128.0) / 30.0
        return (level * truth + random.normal(0, 0.05, ROWS)).astype(np.float32)

    return made


def as_it_is(path: Path) -> np.ndarray:
    from heat_backend.media.photo import load_photo

    return load_photo(path).pixels


def test_from_folders_to_an_edit_by_name(folders, truth, tmp_path, monkeypatch, capsys) -> None:
    weights = WeightsFolder(tmp_path / "weights")
    monkeypatch.setenv("HEAT_WEIGHTS", str(weights.path))
    monkeypatch.setattr(WeightsFolder, "require_engine", lambda self: None)
    monkeypatch.setattr(find_direction, "cropper", lambda detector: as_it_is)
    monkeypatch.setattr(find_direction, "encoder", lambda networks: encode(truth))
    words = [*map(str, folders), "--out", "tan.pt", "--region", "face", "--device", "cpu"]
    assert find_direction.main(words) == 0
    told = capsys.readouterr()
    assert "100% of held-out" in told.out and "12 pictures with, 12 without" in told.out
    assert "left out: notes.txt" in told.err
    edits = find_edits(weights)
    assert not edits.problems and edits.regions(["tan"]) == ("face",)
    dark = torch.from_numpy(encode(truth)(np.full((32, 32, 3), 80, np.uint8)))[None]
    moved = (edits.apply(dark, {"tan": 1.0}) - dark)[0].numpy()
    assert cosine(moved, truth) > 0.8
    wanted = (170 - 80) / 30 * np.linalg.norm(truth) * cosine(moved, truth)
    assert np.linalg.norm(moved) == pytest.approx(wanted, rel=0.2), "1 goes from one to the other"


def test_folders_without_faces_are_reported(folders, truth, tmp_path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    def quiet(text: str, share: float) -> None:
        pass

    def faceless(path: Path) -> np.ndarray:
        raise BadInput("no face found")

    with pytest.raises(BadInput, match="holds 0 files"):
        find_direction.read_examples(empty, as_it_is, encode(truth), quiet)
    with pytest.raises(BadInput, match=r"no picture with a face in .*without.*12 files"):
        find_direction.read_examples(folders[1], faceless, encode(truth), quiet)
    with pytest.raises(BadInput, match="no folder"):
        find_direction.read_examples(tmp_path / "none", as_it_is, encode(truth), quiet)


def test_names_that_cannot_be_edits_are_refused(tmp_path) -> None:
    weights = WeightsFolder(tmp_path)
    with pytest.raises(UsageError, match="ends in"):
        find_direction.output_path(Path("glasses.npz"), weights)
    with pytest.raises(UsageError, match="another edit's name"):
        find_direction.output_path(Path("blush.pt"), weights)
    assert find_direction.output_path(Path("hat.pt"), weights) == tmp_path / "directions" / "hat.pt"
    assert find_direction.output_path(tmp_path / "hat.pt", weights) == tmp_path / "hat.pt"


def test_a_poor_direction_is_reported(truth) -> None:
    found = find_boundary(codes(20, 1, 0 * truth), codes(20, 2, 0 * truth))
    examples = find_direction.Examples(codes(20, 1, truth), tuple(f"{n}.png: no" for n in range(9)))
    lines = find_direction.report(found, examples, examples, Path("a.pt"))
    if found.accuracy < find_direction.MIN_ACCURACY:
        assert "hardly better than guessing" in lines[1]
    assert lines[-1] == "left out: 13 more"
