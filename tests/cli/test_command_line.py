# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user types, and what comes back: output, one line for a failure, the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from PIL import Image

from heat_backend import __version__
from heat_backend.cli import options
from tests import stand_in_engine
from tests.cli.conftest import ROOT, Answer, save_clip

Heat = Callable[..., Answer]


def render(heat: Heat, photo: Path, clip: Path, out: Path, *more: object) -> Answer:
    return heat(
        "render", "--engine", "stand_in", "--portrait", photo, "--motion", clip, "--out", out, *more
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_help_names_each_command_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from heat_backend.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'cv2', 'onnxruntime', 'numba', 'scipy', 'av', 'PIL'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("inspect", "render", "serve", "sheet", "bench", "doctor"):
        assert command in done.stdout


def test_the_module_and_its_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heat_backend", "--version"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert __version__ in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["inspect"],
        ["inspect", "a.png", "--face", "two"],
        ["inspect", "a.png", "--face", "0"],
        ["render", "--portrait", "a.png"],
        ["serve", "--port", "70000"],
        ["bench", "--only", "nothing"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(heat: Heat, arguments: list[str]) -> None:
    answer = heat(*arguments)
    assert answer.status == 2
    assert "argument " not in answer.error, "argparse's own words"


def test_wrong_usage_names_what_there_is(heat: Heat) -> None:
    assert "no command dance: choose one of inspect, render" in heat("dance").error
    assert "--face two: give a whole number" in heat("inspect", "a.png", "--face", "two").error
    assert "needed: --motion, --out" in heat("render", "--portrait", "a.png").error
    assert "--face: its value is missing" in heat("inspect", "a.png", "--face").error


def test_render_a_sequence(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "the frames"
    answer = render(heat, photo, clip, out)
    assert answer.status == 0, answer.err
    assert names(out) == [f"frame_{n:06d}.png" for n in range(1, 11)]
    assert "10 frames" in answer.out
    assert "note: this is a stand-in" in answer.err


def test_what_edits_cost_is_reported_before_frames_are_rendered(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "7 inversions of the edited photo, about 3 min"
    monkeypatch.setattr(
        stand_in_engine.StandInPortrait, "edit_cost", lambda self, clip: told, raising=False
    )
    answer = render(heat, photo, clip, tmp_path / "frames")
    assert answer.status == 0 and f"note: the edits need {told}" in answer.err
    lines = render(heat, photo, clip, tmp_path / "again", "--json-progress").out.splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps.index("note") < steps.index("render")


def test_render_a_movie_at_the_clips_rate(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "video" / "take.mp4"
    assert render(heat, photo, clip, out).status == 0
    with av.open(str(out)) as movie:
        assert movie.streams.video[0].frames == 10
        assert float(movie.streams.video[0].average_rate) == pytest.approx(24000 / 1001)


def test_size_and_frames(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert render(heat, photo, clip, out, "--size", 48, "--frames", "4-6").status == 0
    assert names(out) == ["frame_000004.png", "frame_000005.png", "frame_000006.png"]
    with Image.open(out / "frame_000004.png") as image:
        assert max(image.size) == 48


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, range(10)),
        ("2-5", range(1, 5)),
        (" 2 - 5 ", range(1, 5)),
        ("7", range(6, 7)),
        ("7-", range(6, 10)),
        ("-3", range(3)),
        ("1-99", range(99)),
    ],
)
def test_frame_ranges(text: str | None, expected: range) -> None:
    assert options.frame_range(text, 10) == expected


@pytest.mark.parametrize("frames", ["0-3", "5-2", "a-b", "", "-", "1-2-3", "1.5", "1 2"])
def test_ranges_that_mean_nothing(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path, frames: str
) -> None:
    answer = render(heat, photo, clip, tmp_path / "out", f"--frames={frames}")
    assert answer.status == 2
    assert "--frames" in answer.error


def test_a_range_beyond_the_clip(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    answer = render(heat, photo, clip, tmp_path / "out", "--frames", "8-12")
    assert answer.status == 3
    assert "1 to 10" in answer.error
    assert not (tmp_path / "out").exists()


def test_progress_as_json_lines(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    answer = render(heat, photo, clip, tmp_path / "out", "--json-progress")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert [line["step"] for line in lines[:2]] == ["prepare", "prepare"]
    rendered = [line for line in lines if line["step"] == "render"]
    assert [line["done"] for line in rendered] == list(range(11))
    assert all(line["total"] == 10 for line in rendered)
    assert lines[-1]["step"] == "done"
    assert (lines[-1]["rendered"], lines[-1]["skipped"]) == (10, 0)
    assert answer.err == ""


def test_resume_and_overwrite(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert render(heat, photo, clip, out, "--frames", "1-4").status == 0
    assert "6 frames rendered, 4 kept" in render(heat, photo, clip, out, "--resume").out
    other = save_clip(tmp_path / "other.npz", 12)
    answer = render(heat, photo, other, out, "--resume")
    assert answer.status == 3
    assert "another shot" in answer.error
    assert "--overwrite" in answer.error
    assert render(heat, photo, other, out, "--overwrite").status == 0
    assert len(names(out)) == 12


def test_a_movie_of_other_frames_is_not_replaced_unasked(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "take.mp4"
    assert render(heat, photo, clip, out, "--frames", "1-4").status == 0
    before = out.read_bytes()
    for more in (["--frames", "5-8"], [], ["--resume"]):
        answer = render(heat, photo, clip, out, *more)
        assert answer.status == 3
        assert "frames 1-4" in answer.error
        assert "--overwrite" in answer.error
    assert out.read_bytes() == before
    assert render(heat, photo, clip, out, "--frames", "1-4", "--resume").status == 0
    assert render(heat, photo, clip, out, "--frames", "5-7", "--overwrite").status == 0
    with av.open(str(out)) as movie:
        assert movie.streams.video[0].frames == 3


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--size", "4"], 2, "--size"),
        (["--size", "1000000"], 2, "--size"),
        (["--face", "0"], 2, "--face"),
        (["--engine", "magic"], 2, "no engine named 'magic'"),
        (["--device", "abacus"], 2, "abacus"),
        (["--out", "x.mov"], 2, ".mp4"),
    ],
)
def test_options_that_cannot_be(
    heat: Heat,
    photo: Path,
    clip: Path,
    tmp_path: Path,
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    answer = render(heat, photo, clip, tmp_path / "out", *arguments)
    assert answer.status == status
    assert words in answer.error
    assert not (tmp_path / "out").exists()


def test_clips_that_cannot_be_used(heat: Heat, photo: Path, clip: Path, tmp_path: Path) -> None:
    with np.load(clip) as fields:
        good = dict(fields)

    def changed(name: str, **fields: np.ndarray) -> Path:
        path = tmp_path / f"{name}.npz"
        np.savez(path, **{**good, **fields})
        return path

    nan = good["expression"].copy()
    nan[3, 5] = np.nan
    truncated = tmp_path / "truncated.npz"
    truncated.write_bytes(clip.read_bytes()[:200])
    cases = {
        changed("nan", expression=nan): "expression",
        changed("none", **{k: good[k][:0] for k in ("expression", "rotation", "translation")}): (
            "no frames"
        ),
        changed("shape", rotation=good["rotation"][:, :2]): "rotation",
        changed("rate", fps=np.array(float("nan"))): "fps",
        changed("newer", version=np.array(99)): "version",
        changed("names", expression_names=np.array(["wink"] * 52)): "expression_names",
        truncated: "motion clip",
        tmp_path / "missing.npz": "missing.npz: there is no such motion clip: choose an .npz",
        tmp_path: "a folder, not a motion clip: choose an .npz",
        photo: "a still picture, not a motion clip: choose an .npz",
    }
    for path, words in cases.items():
        answer = render(heat, photo, path, tmp_path / "out")
        assert answer.status == 3, path
        assert words in answer.error
    assert not (tmp_path / "out").exists()


def test_values_out_of_range_are_reported_once(heat: Heat, photo: Path, tmp_path: Path) -> None:
    answer = render(heat, photo, save_clip(tmp_path / "wild.npz", 200), tmp_path / "out.mp4")
    assert answer.status == 0
    assert answer.err.count("clamped") == 1


def test_photos_that_cannot_be_used(heat: Heat, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello")
    for name, words in {
        "empty.png": "empty",
        "text.png": "not a picture",
        "missing.png": "no file",
        ".": "is a folder",
    }.items():
        for answer in (
            render(heat, tmp_path / name, clip, tmp_path / "out"),
            heat("inspect", tmp_path / name),
        ):
            assert answer.status == 3
            assert words in answer.error


def test_targets_that_cannot_be_written(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    answer = render(heat, photo, clip, tmp_path / "file" / "below" / "a.mp4")
    assert (answer.status, "not a folder" in answer.error) == (3, True)
    monkeypatch.setattr("os.access", lambda *args, **more: False)
    for out in (tmp_path / "closed", tmp_path / "closed.mp4"):
        answer = render(heat, photo, clip, out)
        assert answer.status == 3
        assert "no permission to write" in answer.error
        assert not out.exists()


def test_a_bug_is_one_line_and_a_traceback_only_when_asked(
    heat: Heat, photo: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr("heat_backend.export.shot.portrait_key", fail)
    answer = render(heat, photo, clip, tmp_path / "out")
    assert answer.status == 1
    assert "ZeroDivisionError: oh no" in answer.error
    answer = render(heat, photo, clip, tmp_path / "out", "--debug")
    assert "Traceback" in answer.err


def test_doctor_finds_this_environment_sound(heat: Heat) -> None:
    answer = heat("doctor", "--json")
    report = json.loads(answer.out)
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert report["ok"] is True
    assert answer.status == 0
    assert {"python", "numpy", "onnxruntime", "PyTorch", "H.264 encoder", "face detector"} <= set(
        states
    )
    assert states["StyleHEAT checkpoints"] == "optional"
    (model,) = (check for check in report["checks"] if check["name"] == "face model")
    assert "52 expressions" in model["detail"]


@pytest.mark.slow
def test_doctor_names_what_mends_a_missing_package(
    heat: Heat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heat_backend.cli.health.required_packages", lambda: {"heat-dance": "2.1"})
    monkeypatch.setattr("heat_backend.cli.health.check_detector", lambda: _sound("detector"))
    answer = heat("doctor", "--json")
    assert answer.status == 4
    (check,) = (c for c in json.loads(answer.out)["checks"] if c["state"] == "missing")
    assert check["mend"].endswith("-m pip install heat-dance==2.1")
    answer = heat("doctor")
    assert answer.status == 4
    assert "MISSING  heat-dance" in answer.out
    assert "missing: heat-dance" in answer.out


def test_in_the_add_ons_environment_doctor_names_its_buttons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no pip there, and Blender's own Python must not be changed by one."""
    from heat_backend.cli import health

    monkeypatch.setenv("HEAT_ADDON_ENVIRONMENT", "1")
    check = health.check_package("heat-dance", "2.1")
    assert check.mend == "Set Up Backend in the add-on's preferences"
    line = health.networks.missing_line("The engine")
    assert line.endswith("press Add Networks (PyTorch) in the add-on's preferences")


def test_doctor_tells_a_pytorch_that_was_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    from heat_backend.cli import health

    tested = [package.replace("==", "==9.") for package in health.networks.PACKAGES]
    monkeypatch.setattr("heat_backend.engines.networks.PACKAGES", tested)
    monkeypatch.setattr("heat_backend.engines.networks.are_here", lambda: True)
    torch = SimpleNamespace(__version__="2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "safetensors", SimpleNamespace(__version__="0.8.0"))
    check = health.check_networks()
    assert (check.state, check.remedy) == ("warning", "add_networks")
    assert check.detail.startswith("2.13.0+cpu") and "tested with 9.2.13.0" in check.detail


def test_doctor_tells_a_damaged_network(tmp_path: Path) -> None:
    from heat_backend.cli import health

    assert health.check_shipped_networks().state == "ok"
    assert health.check_shipped_networks(tmp_path).state == "missing"
    (tmp_path / "face.onnx").write_bytes(b"half a file")
    check = health.check_shipped_networks(tmp_path)
    assert (check.state, check.remedy) == ("missing", "set_up")


def test_doctor_tells_a_package_that_does_not_load_from_one_that_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from heat_backend.cli import health

    def broken(name: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(health.importlib, "import_module", broken)
    check = health.check_package("opencv-python-headless", "")
    assert check.state == "missing"
    assert "apt install libgl1" in check.mend


def _sound(name: str) -> object:
    from bridge.checks import OK, Check

    _sound.__name__ = "check_sound"
    return Check(name, OK, "")
