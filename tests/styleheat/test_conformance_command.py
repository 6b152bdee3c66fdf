# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat conformance``: what it runs, what it prints, when it fails."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from heat_backend.cli.main import main

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("flow_util.seed1.npz", "tolerances.json"):
        shutil.copy(CASES / name, tmp_path)
    return tmp_path


def conformance(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["conformance", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def rewrite(path: Path, **changed: object) -> None:
    """Store a case anew with other contents of its description or other numbers."""
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    meta = json.loads(str(arrays["meta"]))
    meta |= {key: value for key, value in changed.items() if not key.startswith("out.")}
    arrays |= {key: value for key, value in changed.items() if key.startswith("out.")}
    arrays["meta"] = np.array(json.dumps(meta))
    np.savez(path, **arrays)


def test_prints_error_and_tolerance_of_every_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = conformance(capsys, "--cases", folder)
    assert status == 0
    for name in ("deformation", "warp_same", "warp_resized", "warp_zero_flow", "warp_ns"):
        assert f"{name} " in out
    assert out.count("max error") == 6
    assert "1 of 1 cases pass" in out


def test_a_number_that_is_off_fails_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "flow_util.seed1.npz"
    with np.load(path) as stored:
        wrong = stored["out.deformation"].copy()
    wrong[0, 3, 4, 1] += 1e-4
    rewrite(path, **{"out.deformation": wrong})
    status, out, _ = conformance(capsys, "--cases", folder)
    assert status == 1
    assert "FAIL elements" in out


def test_another_seed_gives_other_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(folder / "flow_util.seed1.npz", seed=77)
    status, out, _ = conformance(capsys, "--cases", folder, "--json")
    report = json.loads(out)
    assert status == 1
    assert report["ok"] is False
    assert report["cases"][0]["seed"] == 77
    assert not any(output["ok"] for output in report["cases"][0]["outputs"])


def test_unknown_case_is_one_clear_line_and_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(folder / "flow_util.seed1.npz", case="telepathy")
    status, out, _ = conformance(capsys, "--cases", folder)
    assert status == 1
    (line,) = (line for line in out.splitlines() if "telepathy" in line)
    assert "unknown case" in line


@pytest.mark.parametrize("broken", ["empty", "truncated", "no such folder"])
def test_bad_folder_is_one_line(
    broken: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = folder
    if broken == "empty":
        cases = tmp_path / "empty"
        cases.mkdir()
    elif broken == "no such folder":
        cases = tmp_path / "nowhere"
    else:
        path = folder / "flow_util.seed1.npz"
        path.write_bytes(path.read_bytes()[:5000])
    status, _, err = conformance(capsys, "--cases", cases)
    assert status == 3
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_only_names_a_case_or_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance(capsys, "--cases", folder, "--only", "flow_util.seed1")[0] == 0
    status, _, err = conformance(capsys, "--cases", folder, "--only", "flow_util.seed9")
    assert status == 2
    assert "flow_util.seed9" in err


def test_output_of_another_shape_fails_and_json_stays_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "flow_util.seed1.npz"
    with np.load(path) as stored:
        outputs = json.loads(str(stored["meta"]))["outputs"]
    outputs["warp_same"]["shape"] = [2, 8, 64, 65]
    rewrite(path, outputs=outputs)
    status, out, _ = conformance(capsys, "--cases", folder, "--json")
    assert status == 1
    assert "Infinity" not in out
    (bad,) = (o for o in json.loads(out)["cases"][0]["outputs"] if not o["ok"])
    assert bad["output"] == "warp_same"
