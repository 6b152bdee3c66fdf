# SPDX-License-Identifier: GPL-3.0-or-later
"""The build script makes the shipped file, and its tools do what they say."""

from pathlib import Path

import numpy as np
import pytest

from bridge import face_model, npz_file
from bridge.errors import BadInput, MissingHere
from tools.face_model import build, collapse, kit

pytestmark = pytest.mark.slow

KIT = Path(__file__).resolve().parents[3] / "shared/data/ict/ict_facekit_light.npz"


def test_build_reproduces_the_shipped_file_byte_for_byte() -> None:
    """Takes about 5 s; other types of machine may round a last digit differently."""
    if not KIT.is_file():
        pytest.skip("the ICT-FaceKit data is not beside this checkout (shared/data/ict)")
    shipped = Path(face_model.__file__).with_name("face_model.npz").read_bytes()
    assert npz_file.npz_bytes(build.build(KIT)) == shipped


def test_absent_kit_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingHere, match="--ict"):
        kit.read_kit(tmp_path / "none.npz", 50)


def test_kit_without_its_arrays_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "odd.npz", neutral=np.zeros((3, 3)))
    with pytest.raises(BadInput, match="faces"):
        kit.read_kit(tmp_path / "odd.npz", 50)


def test_packing_does_not_depend_on_time_or_order() -> None:
    arrays = {"b": np.arange(5), "a": np.array("text"), "c": np.zeros((2, 3), np.int8)}
    other = dict(sorted(arrays.items(), reverse=True))
    assert npz_file.npz_bytes(arrays) == npz_file.npz_bytes(other)


def test_packed_arrays_come_back(tmp_path: Path) -> None:
    arrays = {"n": np.array(7, np.int32), "s": np.array("text"), "a": np.eye(3, dtype=np.float32)}
    npz_file.write_npz(tmp_path / "x.npz", arrays)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as data:
        assert str(data["s"]) == "text" and int(data["n"]) == 7
        np.testing.assert_array_equal(data["a"], np.eye(3))


def grid(n: int, height: float) -> tuple[np.ndarray, np.ndarray]:
    """An n x n sheet with a ridge of some height along its middle."""
    x, y = np.meshgrid(np.arange(n, dtype=float), np.arange(n, dtype=float), indexing="ij")
    z = height * np.maximum(0, 1 - np.abs(x - n // 2))
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = (
        q.ravel() for q in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:])
    )
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return np.stack([x, y, z], axis=-1).reshape(-1, 3), triangles


def thin(points: np.ndarray, triangles: np.ndarray, target: int, locked=()) -> tuple:
    hold = np.isin(np.arange(len(points)), locked)
    return collapse.collapse(points, triangles, np.ones(len(points)), hold, target)


def area_of(points: np.ndarray, triangles: np.ndarray) -> float:
    p = points[triangles]
    return float(np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).sum() / 2)


def test_thinning_keeps_a_ridge() -> None:
    """A ridged sheet has more area than a flat one: cutting the ridge off would lose it."""
    points, triangles = grid(15, 1.0)
    kept, left = thin(points, triangles, 40)
    assert len(kept) == 40
    assert area_of(points, left) == pytest.approx(area_of(points, triangles), rel=1e-3)


def test_thinning_keeps_the_outline_and_locked_points() -> None:
    points, triangles = grid(12, 0.0)
    locked = [5 * 12 + 5, 3 * 12 + 7]
    kept, left = thin(points, triangles, 20, locked)
    assert set(locked) <= set(kept.tolist())
    p = points[left]
    area = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])[:, 2] / 2
    assert (area > 0).all(), "no triangle is turned over"
    assert area.sum() == pytest.approx(11.0 * 11.0), "a flat square stays the same square"
