# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the default set-up offers runs without torch; what needs it says so in a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge import motion_clip
from bridge.checks import parse_report
from bridge.client import Client, EngineOptions, PortraitSource
from bridge.coefficients import Coefficients
from bridge.engine_description import read_descriptions
from bridge.errors import MissingHere
from bridge.launch import BackendProcess
from heat_backend.cli.main import commands
from heat_backend.engines import networks
from tests.cli.conftest import Answer, save_clip
from tests.portraits import photo as portrait_photo
from tests.speech.sounds import vowel, write_wave

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = """
import importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
hidden = ("torch", "safetensors", "face_alignment")
importlib.machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *more: None if name.partition(".")[0] in hidden else find(name, *more)
)
from heat_backend.cli.main import main
sys.exit(main())
"""
NEEDS_TORCH = ("invert", "conformance")
HINT = f"in Blender press {networks.BUTTON}, elsewhere run {sys.executable} -m pip install torch=="

Heat = Callable[..., Answer]


@pytest.fixture
def bare(tmp_path: Path) -> Heat:
    """The command line in a process that cannot import torch."""

    def run(*arguments: object) -> Answer:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCHER, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "HEAT_WEIGHTS": str(tmp_path / "weights")},
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("face") / "photo.png"
    Image.fromarray(portrait_photo("p02_synth_man.jpg").pixels).resize((256, 256)).save(path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return save_clip(tmp_path / "motion.npz", 3)


def _walk(face: Path, clip: Path, folder: Path) -> dict[str, list[list[object]]]:
    """Arguments of every command of the default set, by its name; later ones read earlier ones'."""
    voice = write_wave(folder / "voice.wav", vowel(1.0))
    movie = folder / "movie.mp4"
    small = ["--portrait", face, "--size", 128]
    return {
        "inspect": [[face]],
        "render": [
            [*small, "--motion", clip, "--out", movie],
            [*small, "--motion", clip, "--out", folder / "frames", "--device", "auto"],
        ],
        "edit": [
            ["--list"],
            ["--list", "--json"],
            [*small, "--set", "jaw_width=2", "hair_hue=20", "--out", folder / "edited.png"],
        ],
        "match": [["--portrait", face, "--sample", face, "--out", folder / "matched.npz"]],
        "fit": [["--portrait", face, "--out", folder / "fit.npz"]],
        "track": [[movie, "--out", folder / "tracked.npz"]],
        "speak": [[voice, "--out", folder / "spoken.npz"]],
        "mix": [[clip, clip, "--out", folder / "mixed.npz"]],
        "sheet": [["--portrait", face, "--size", 128, "--out", folder / "sheet.png"]],
        "weights": [["list"], ["list", "--json"], ["verify", "Encoder_e4e.pth"]],
        "bench": [["--only", "bridge", "--portrait", face]],
        "doctor": [[], ["--json"]],
        "forget": [[]],
    }


@pytest.mark.slow
def test_every_command_of_the_default_set_runs(
    bare: Heat, face: Path, clip: Path, tmp_path: Path
) -> None:
    walk = _walk(face, clip, tmp_path)
    assert {*walk, *NEEDS_TORCH, "serve"} == {command.name for command in commands()}
    for name, runs in walk.items():
        for arguments in runs:
            answer = bare(name, *arguments)
            said = f"{name} {arguments}: {answer.err}"
            if (name, *arguments[:1]) == ("weights", "verify"):
                assert answer.status == 3, said  # there are none, which is told
            else:
                assert answer.status == 0, said
            assert "bug" not in answer.err, said
    assert len(motion_clip.load(tmp_path / "tracked.npz")) == 3


@pytest.mark.slow
def test_the_backend_serves_frames_and_says_what_an_engine_lacks(
    face: Path, tmp_path: Path
) -> None:
    backend = BackendProcess.start(
        [sys.executable, "-c", LAUNCHER, "serve"], log_path=tmp_path / "log.txt"
    )
    try:
        with Client(backend.address, backend.secret) as client:
            found = {one.name: one for one in read_descriptions(client.server)}
            assert found["warp"].lacks == ""
            assert HINT in found["styleheat"].lacks
            assert found["styleheat"].capabilities.networks
            source = PortraitSource(path=face)
            with pytest.raises(MissingHere, match="StyleHEAT needs PyTorch"):
                client.prepare(source, "styleheat", EngineOptions())
            with pytest.raises(MissingHere, match="cuda needs PyTorch"):
                client.prepare(source, "warp", EngineOptions(device="cuda"))
            client.prepare(source, "warp", EngineOptions(size=128))
            frame = client.render(Coefficients.zero())
            assert np.ptp(frame.pixels[..., :3]) > 100
    finally:
        backend.stop()


@pytest.mark.parametrize("name", NEEDS_TORCH)
def test_a_command_that_needs_torch_says_what_brings_it(
    bare: Heat, tmp_path: Path, name: str
) -> None:
    photo = tmp_path / "grey.png"
    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(photo)
    asked = {"invert": ["--portrait", photo, "--out", tmp_path / "inverted.png"]}
    answer = bare(name, *asked.get(name, []))
    assert answer.status == 4
    assert HINT in answer.error


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--engine", "styleheat"], "the engine StyleHEAT needs PyTorch"),
        (["--device", "cuda"], "the device cuda needs PyTorch"),
    ],
)
def test_what_needs_torch_says_what_brings_it(
    bare: Heat, face: Path, clip: Path, tmp_path: Path, more: list[str], what: str
) -> None:
    base = ["--portrait", face, "--motion", clip, "--out", tmp_path / "frames"]
    answer = bare("render", *base, *more)
    assert answer.status == 4
    assert what in answer.error
    assert HINT in answer.error


def test_the_doctor_names_torch_as_optional(bare: Heat) -> None:
    answer = bare("doctor", "--json")
    report = parse_report(answer.out)
    assert report is not None
    (torch,) = (check for check in report.checks if check.name == "PyTorch")
    assert (torch.state, torch.remedy) == ("optional", "add_networks")
    assert torch.mend == networks.install_command()
    assert json.loads(answer.out)["ok"] is True


def test_the_extra_is_pinned_as_the_project_pins_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert list(networks.PACKAGES) == project["optional-dependencies"]["networks"]
