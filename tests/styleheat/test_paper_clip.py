# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions in the paper's own values: as the authors' extraction writes them, and damaged."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from bridge.errors import BadInput
from heat_backend.styleheat.driving.paper_motion import for_portrait, load_paper_clip


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(7, 73)).astype(np.float32)


def test_npy_is_taken_as_it_is(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", vectors)
    assert np.array_equal(load_paper_clip(tmp_path / "clip.npy"), vectors)


def test_mat_of_the_extraction_is_assembled(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    coeff, crops = rng.normal(size=(5, 257)), rng.normal(size=(5, 5))
    savemat(tmp_path / "clip.mat", {"coeff": coeff, "transform_params": crops})
    clip = load_paper_clip(tmp_path / "clip.mat")
    assert clip.shape == (5, 73)
    assert np.allclose(clip[:, :64], coeff[:, 80:144])
    assert np.allclose(clip[:, 64:67], coeff[:, 224:227])
    assert np.allclose(clip[:, 67:70], coeff[:, 254:257])
    assert np.allclose(clip[:, 70:], crops[:, 2:])


def test_mat_of_assembled_values_is_taken(vectors: np.ndarray, tmp_path: Path) -> None:
    savemat(tmp_path / "clip.mat", {"coeff_3dmm": vectors})
    assert np.array_equal(load_paper_clip(tmp_path / "clip.mat"), vectors)


def test_each_fault_names_file_and_field(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", vectors[:, :70])
    np.save(tmp_path / "empty.npy", vectors[:0])
    vectors[3, 5] = np.nan
    np.save(tmp_path / "nan.npy", vectors)
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "nan.npy").read_bytes()[:200])
    savemat(tmp_path / "alone.mat", {"coeff": np.zeros((5, 257))})
    savemat(tmp_path / "short.mat", {"coeff": np.zeros((5, 257)), "trans_params": np.zeros((4, 5))})
    savemat(tmp_path / "other.mat", {"lm": np.zeros((68, 3))})
    (tmp_path / "cut.mat").write_bytes((tmp_path / "alone.mat").read_bytes()[:150])
    expected = {
        "wide.npy": r"\(7, 70\), not \(frames, 73\)",
        "empty.npy": "0 frames",
        "nan.npy": "frame 4 holds a NaN",
        "objects.npy": "cannot be read",
        "cut.npy": "cannot be read",
        "alone.mat": "no `transform_params`",
        "short.mat": r"`transform_params` is \(4, 5\)",
        "other.mat": "holds lm",
        "cut.mat": "cannot be read|holds nothing",
        "nowhere.npy": "no such file",
        "clip.npz": r"end in \.npy or \.mat",
    }
    for name, words in expected.items():
        with pytest.raises(BadInput, match=words) as caught:
            load_paper_clip(tmp_path / name)
        assert name in str(caught.value)


def test_motion_of_someone_else_is_fitted_to_the_portrait(vectors: np.ndarray) -> None:
    own = np.random.default_rng(5).normal(size=73).astype(np.float32)
    assert np.array_equal(for_portrait(vectors, own), vectors)
    still = for_portrait(vectors, own, expression_only=True)
    assert np.array_equal(still[:, :64], vectors[:, :64])
    assert np.array_equal(still[:, 64:], np.repeat(own[None, 64:], len(vectors), axis=0))
    own[:70] = vectors[4, :70]
    sized = for_portrait(vectors, own, match_crop=True)
    assert sized[4, 70] == pytest.approx(own[70], rel=1e-5)
    assert np.array_equal(np.delete(sized, 70, axis=1), np.delete(vectors, 70, axis=1))
