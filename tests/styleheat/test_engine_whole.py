# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole engine with made-up weights, by the command line and by the bridge.

What is drawn means nothing, and every file and note says so; what counts is that a folder in the
published layout becomes frames, for every caller, within the memory promised.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import other_face
import pytest
import synthetic_checkpoints
import torch
from PIL import Image

from bridge import motion_clip
from bridge.client import Client, EngineOptions, PortraitSource
from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.motion_clip import MotionClip
from heat_backend.serve.server import Server

pytestmark = [pytest.mark.large, pytest.mark.slow]
SIDE = 192
SECRET = "a secret for the tests"


@pytest.fixture(scope="module")
def weights(tmp_path_factory, other) -> Path:
    folder = synthetic_checkpoints.write(tmp_path_factory.mktemp("made_up") / "checkpoints")
    other_face.write(other, folder / "BFM")
    synthetic_checkpoints.write_standard_head(folder / "BFM")
    (folder / "directions").mkdir()
    torch.save(torch.full((512,), 0.02), folder / "directions" / "wiser.pt")
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    from skimage.data import astronaut

    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(astronaut()).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def places(weights: Path, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_WEIGHTS", str(weights))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def two_frames(path: Path) -> Path:
    expression = np.zeros((2, 52), np.float32)
    expression[1, EXPRESSION_INDEX["jawOpen"]] = 0.8
    rotation = np.array([[0, 0, 0], [0, 0.3, 0]], np.float32)
    motion_clip.save(MotionClip(25.0, expression, rotation, np.zeros((2, 3), np.float32)), path)
    return path


def test_from_a_weights_folder_to_frames(photo: Path, tmp_path: Path, capsys) -> None:
    """`heat render`, then the bridge: the second time the inversion is at hand."""
    from heat_backend.cli.main import main

    before = _memory("VmRSS")
    _forget_the_peak()
    out = tmp_path / "frames"
    command = ["render", "--portrait", str(photo), "--engine", "styleheat", "--device", "cpu"]
    command += ["--motion", str(two_frames(tmp_path / "clip.npz")), "--out", str(out)]
    assert main([*command, "--size", str(SIDE), "--json-progress"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert any("SYNTHETIC-WEIGHTS TEST" in note for note in told["notes"])
    pictures = [Image.open(path) for path in sorted(out.glob("*.png"))]
    assert [picture.size for picture in pictures] == [(SIDE, SIDE)] * 2
    for picture in pictures:
        assert "synthetic-weights test" in json.dumps(dict(picture.info), default=str)
    frames = [np.asarray(picture.convert("RGB")).astype(int) for picture in pictures]
    source = np.asarray(Image.open(photo).resize((SIDE, SIDE), Image.Resampling.BOX)).astype(int)
    away = np.abs(frames[0] - source).max(axis=2)
    assert np.median(away[SIDE // 2 :]) <= 4, "below the head the photo stands"
    assert (np.abs(frames[0] - frames[1]).max(axis=2) > 8).any(), "the motion drives it"
    _by_the_bridge(photo, frames)
    _inverted_for_a_look(photo, tmp_path)
    if sys.platform == "linux":
        # What earlier tests left in this process is not the portrait's; its imports are, 0.6 GB.
        taken = _memory("VmHWM") - before
        assert taken < 3.4, f"{taken:.1f} GB"


def _memory(field: str) -> float:
    """Read a figure of this process in GiB (proc(5)); 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 2**20


def _forget_the_peak() -> None:
    """Let the peak of the memory count from here on (proc(5), clear_refs)."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _by_the_bridge(photo: Path, exported: list[np.ndarray]) -> None:
    told: list[str] = []
    sketches: list[np.ndarray] = []
    server = Server(SECRET, device="cpu")
    server.start()
    client = Client(server.address, SECRET).connect()
    try:
        info = client.prepare(
            PortraitSource(path=photo),
            "styleheat",
            EngineOptions(size=SIDE),
            lambda text, share: told.append(text),
            on_progress_image=sketches.append,
        )
        frame = client.render(Coefficients.zero())
        _edited(client, frame.pixels.astype(int))
    finally:
        client.close()
        server.stop()
    assert (info.engine, info.width, info.height) == ("styleheat", SIDE, SIDE)
    assert "synthetic-weights test" in info.engine_version
    assert any("SYNTHETIC-WEIGHTS TEST" in note for note in info.notes)
    assert any("at hand" in text for text in told), "inverted once"
    assert info.inversion_seconds is not None and info.inversion_seconds > 0.1
    assert sketches and sketches[-1].shape == (256, 256, 4)
    assert frame.pixels.shape == (SIDE, SIDE, 4)
    assert (frame.pixels[..., 3] == 255).all()
    below = slice(SIDE // 2, None)
    assert np.abs(frame.pixels[below, :, :3].astype(int) - exported[0][below]).max() <= 1


def _edited(client: Client, plain: np.ndarray) -> None:
    """The photo's own edits and an attribute, together; the edited photo is inverted again."""
    edits = {"skin_tone": 2.0, "wiser": 0.5}
    edited = client.render(Coefficients.of(edits=edits)).pixels.astype(int)
    kept = list(Path(os.environ["XDG_CACHE_HOME"]).glob("**/inversion-*.safetensors"))
    assert len(kept) >= 2, "one of the photo, one of the edited photo"
    apart = np.abs(plain - edited).max(axis=2)
    assert np.median(apart[30:70, 60:105]) > 3, "the face"
    assert apart[-10:].max() <= 1, "what no edit reaches stays"


def _inverted_for_a_look(photo: Path, folder: Path) -> None:
    from heat_backend.cli.main import main

    preview = folder / "preview.png"
    assert main(["invert", "--portrait", str(photo), "--out", str(preview)]) == 0
    picture = Image.open(preview)
    assert picture.size == (256, 256)
    assert "Synthetic media" in picture.info["Comment"]
