# SPDX-License-Identifier: GPL-3.0-or-later
"""Our expressions in another model's basis: the truth is recovered, wrong files are told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import other_face
import pytest

from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.errors import BadInput, MissingHere
from heat_backend.styleheat.bfm import basel, expression_map

pytestmark = pytest.mark.slow


def test_true_map_is_recovered_within_five_percent(other, fitted) -> None:
    """What the coefficients do to that face, against what they should, over all 52 shapes."""
    basis = other.basis.reshape(-1, 64)
    wanted = basis @ other.matrix
    got = basis @ fitted.matrix.astype(np.float64)
    assert np.linalg.norm(got - wanted) / np.linalg.norm(wanted) < 0.05
    each = np.linalg.norm(got - wanted, axis=0) / np.linalg.norm(wanted, axis=0)
    assert np.median(each) < 0.05
    worst = EXPRESSION_NAMES[int(each.argmax())]
    assert each.max() < 0.1, worst


def test_coefficients_stay_in_the_basis_usual_range(fitted) -> None:
    assert np.abs(fitted.matrix).max() <= expression_map.USUAL_RANGE + 1e-6


def test_pivot_and_unit_come_from_the_fit(fitted) -> None:
    """The neck's pivot lies behind and below the face, and the unit is that of our model."""
    assert fitted.unit == pytest.approx(0.892, rel=0.02)
    assert fitted.pivot[2] < -0.5
    assert abs(fitted.pivot[0]) < 0.1


def test_report_names_every_shape_worst_first(fitted) -> None:
    report = fitted.report()
    assert {name for name, _, _ in report} == set(EXPRESSION_NAMES)
    shares = [share for _, share, _ in report]
    assert shares == sorted(shares, reverse=True)


def test_a_shape_that_the_basis_lacks_is_reported(other, basel_folder) -> None:
    """Without anything that opens the jaw, jawOpen's residual says so."""
    opened = other.shapes[..., EXPRESSION_INDEX["jawOpen"]]
    direction = (opened / np.linalg.norm(opened)).ravel()
    flat = other.basis.reshape(-1, 64)
    without = flat - np.outer(direction, direction @ flat)
    read = basel.read_basel(basel_folder)
    lacking = replace(read, expression=without.reshape(read.expression.shape).astype(np.float32))
    residual = expression_map.fit_expression_map(face_model.load(), lacking).residual
    assert residual[EXPRESSION_INDEX["jawOpen"]] > 0.6
    assert residual[EXPRESSION_INDEX["browInnerUp"]] < 0.2


def test_map_is_fitted_once_and_anew_for_another_file(
    other, basel_folder, tmp_path, monkeypatch, fitted
) -> None:
    calls = []

    def counted(model, read):
        calls.append(read.key)
        return fitted

    monkeypatch.setattr(expression_map, "fit_expression_map", counted)
    first = expression_map.cached_expression_map(basel_folder, tmp_path)
    again = expression_map.cached_expression_map(basel_folder, tmp_path)
    assert len(calls) == 1
    np.testing.assert_array_equal(first.matrix, again.matrix)
    np.testing.assert_array_equal(first.pivot, again.pivot)
    changed = tmp_path / "BFM"
    other_face.write(replace(other, basis=other.basis * 1.01), changed)
    expression_map.cached_expression_map(changed, tmp_path)
    assert len(set(calls)) == 2


def test_a_damaged_cache_is_made_anew(basel_folder, tmp_path, monkeypatch, fitted) -> None:
    monkeypatch.setattr(expression_map, "fit_expression_map", lambda model, read: fitted)
    expression_map.cached_expression_map(basel_folder, tmp_path)
    (cached,) = tmp_path.glob("*.npz")
    cached.write_bytes(cached.read_bytes()[:200])
    found = expression_map.cached_expression_map(basel_folder, tmp_path)
    np.testing.assert_array_equal(found.matrix, fitted.matrix)


def test_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingHere, match="heat weights fetch"):
        basel.read_basel(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: replace(f, basis=f.basis[..., :50]), r"exBase is \(\d+, 50\), not \(\d+, 64\)"),
        (lambda f: replace(f, keypoints=f.keypoints[:51]), "keypoints"),
        (lambda f: replace(f, keypoints=f.keypoints + len(f.mean)), "keypoints names vertices"),
        (lambda f: replace(f, basis=f.basis * np.nan), "exBase holds values that are no numbers"),
    ],
)
def test_other_dimensions_are_one_clear_line(other, tmp_path: Path, change, says: str) -> None:
    changed = change(other)
    count, width = len(changed.mean), changed.basis.shape[-1]
    from scipy.io import savemat

    savemat(
        tmp_path / basel.FRONT,
        {
            "meanshape": changed.mean.reshape(1, -1),
            "exBase": changed.basis.reshape(3 * count, width),
            "tri": changed.triangles + 1,
            "keypoints": changed.keypoints[None] + 1,
        },
    )
    with pytest.raises(BadInput, match=says) as caught:
        basel.read_basel(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no matlab file at all", None])
def test_damaged_file_is_one_clear_line(basel_folder, tmp_path: Path, content) -> None:
    whole = (basel_folder / basel.FRONT).read_bytes()
    (tmp_path / basel.FRONT).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(BadInput, match=basel.FRONT):
        basel.read_basel(tmp_path)


def test_original_files_are_cut_as_the_front_model(monkeypatch, tmp_path: Path) -> None:
    """The many files that the published archive may hold give the same as the one."""
    from scipy.io import savemat

    rng = np.random.default_rng(3)
    monkeypatch.setattr(basel, "SCAN_VERTICES", 1600)
    monkeypatch.setattr(basel, "EXPRESSION_VERTICES", 1500)
    scan = rng.normal(0, 1e5, (1600, 3))
    trim = np.sort(rng.permutation(1600)[:1500])
    front = rng.permutation(1500)[:1200]
    components = rng.normal(0, 1e4, (79, 1500, 3)).astype(np.float32)
    sigma = rng.uniform(1, 3, 79)
    savemat(tmp_path / "01_MorphableModel.mat", {"shapeMU": scan.reshape(-1, 1)})
    savemat(tmp_path / "BFM_exp_idx.mat", {"trimIndex": trim[:, None] + 1})
    savemat(tmp_path / "BFM_front_idx.mat", {"idx": front[:, None] + 1})
    info = {"tri": rng.integers(1, 1200, (2000, 3)), "keypoints": rng.integers(1, 1200, (1, 68))}
    savemat(tmp_path / "facemodel_info.mat", info)
    np.savetxt(tmp_path / "std_exp.txt", sigma[None])
    mean = np.zeros(3 * 1500, np.float32)
    with (tmp_path / "Exp_Pca.bin").open("wb") as file:
        file.write(np.int32(79).tobytes() + mean.tobytes() + components.tobytes())
    read = basel.read_basel(tmp_path)
    points = scan[trim[front]] / 1e5
    np.testing.assert_allclose(read.mean, points - points.mean(axis=0), atol=1e-9)
    wanted = components[7, front] * sigma[7] / 1e5
    np.testing.assert_allclose(read.expression[..., 7], wanted, rtol=1e-5)
    (tmp_path / "Exp_Pca.bin").write_bytes(b"\x4f\0\0\0" + bytes(1000))
    with pytest.raises(BadInput, match=r"Exp_Pca\.bin"):
        basel.read_basel(tmp_path)
