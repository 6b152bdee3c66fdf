# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: what it leaves when it works, and that it leaves all alone when it does not."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge.coefficients import EXPRESSION_NAMES
from demo import __main__ as command
from demo import without_blender
from demo.blender_run import DemoError, Steps
from demo.performance import performance
from tools import environments

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OPENED = """
import json, sys
import bpy
from blender_addon import versions
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene = bpy.context.scene
(strip,) = versions.strips_of(scene)
first, end = versions.strip_span(strip)
saved = scene.bl_system_properties_get() if bpy.app.version >= (5, 0, 0) else scene
print("FOUND " + json.dumps({"strip": strip.filepath, "frames": end - first,
      "photo": saved["heat"]["portraits"][0]["photo_path"],
      "there": bpy.path.abspath(strip.filepath)}))
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with the results of an earlier run."""
    out = tmp_path / "out"
    out.mkdir()
    for name in (*command.MADE, "demo.log", "demo.blend1"):
        (out / name).write_text(f"an earlier {name}")
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["demo", *map(str, arguments)])
    return command.main()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a folder", "is a folder"),
        ("notes.txt", "is not a picture"),
        ("wall.png", "no face found in wall.png"),
        ("missing.jpg", "there is no file"),
    ],
)
def test_a_wrong_portrait_leaves_everything_as_it_was(
    results: Path,
    tmp_path: Path,
    name: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    Image.fromarray(np.full((200, 300, 3), 128, np.uint8)).save(tmp_path / "wall.png")
    before = contents(results)
    assert run(monkeypatch, "--portrait", tmp_path / name, "--out", results) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert words in line
    assert contents(results) == before


def test_a_run_that_fails_half_way_keeps_the_last_good_one(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(photo: Path, making: Path, *more: object) -> None:
        (making / "demo.mp4").write_text("half a movie")
        raise DemoError("the disk is full")

    monkeypatch.setattr(command, "blender_command", lambda: None)
    monkeypatch.setattr(command.without_blender, "perform", fail)
    before = contents(results)
    assert run(monkeypatch, "--out", results) == 1
    assert capsys.readouterr().err == "error: the disk is full\n"
    after = contents(results)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"astronaut.png"}


def test_progress_is_one_changing_line_on_a_terminal_and_few_lines_elsewhere() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, most in ((Terminal(), 3), (io.StringIO(), 7)):
        steps = Steps(stream)
        steps.say("it begins")
        for frame in range(1, 121):
            steps.hear(f"Frame {frame} of 120")
        steps.say("it is over")
        lines = stream.getvalue().splitlines()
        assert len(stream.getvalue().split("\n")) - 1 <= most
        assert "Frame 120 of 120" in stream.getvalue()
        assert (lines[0], lines[-1]) == ("it begins", "it is over")


def test_the_whole_demo(tmp_path: Path) -> None:
    blender = environments.blender_python()
    if blender is None:
        pytest.skip("no environment with Blender's module is here")
    done, out = demo(tmp_path / "what came out", {"BLENDER": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*command.MADE, "demo.log", "astronaut.png"]
    )
    assert "Frame" in done.stdout, "the render's progress must show"
    assert "newer ones" in done.stdout.splitlines()[-1]
    opened = subprocess.run(
        [str(blender), "-c", OPENED, str(out / "demo.blend")],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (line,) = (line for line in opened.stdout.splitlines() if line.startswith("FOUND "))
    found = json.loads(line.removeprefix("FOUND "))
    assert found["photo"] == "//astronaut.png"
    assert found["strip"] == "//demo.mp4"
    assert Path(found["there"]).samefile(out / "demo.mp4")
    assert found["frames"] == 120


def demo(out: Path, variables: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], Path]:
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--out", str(out)],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done, out


def test_a_blender_that_is_not_there_is_named(tmp_path: Path) -> None:
    done, _ = demo(tmp_path / "out", {"BLENDER": str(tmp_path / "no blender")})
    assert done.returncode == 1
    assert done.stderr == f"error: there is no Blender at {tmp_path / 'no blender'}\n"


def test_without_blender_the_performance_is_the_same_clip() -> None:
    """Nothing in Blender's Python: the keys as curves, 24 frames a second, all in range."""
    clip = without_blender.performed(5.0)
    assert (len(clip), clip.fps) == (120, 24.0)
    jaw = clip.expression[:, EXPRESSION_NAMES.index("jawOpen")]
    for second, value in performance().expression["jawOpen"]:
        if abs(second * 24 - round(second * 24)) < 1e-6 and round(second * 24) < len(clip):
            assert jaw[round(second * 24)] == pytest.approx(value, abs=1e-4)
    edited = without_blender.performed(4.0, edited=True)
    assert edited.edits is not None
    assert edited.edits[0].tolist() == [0.0] * len(edited.edit_names)
    assert np.abs(edited.edits).max(axis=0).min() > 0.3, "an edit is never off its rest"
