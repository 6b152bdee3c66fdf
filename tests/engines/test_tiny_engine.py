# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine is its folder and one line in the registry: all else follows from its description."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge import motion_clip
from bridge.client import Client, EngineOptions, PortraitSource
from bridge.coefficients import Coefficients
from bridge.engine_description import read_descriptions
from bridge.errors import UsageError
from bridge.wire import Header
from heat_backend.cli.main import main
from heat_backend.engines import registry
from heat_backend.engines.description import changed_options
from heat_backend.serve.server import Server
from tests.engines.tiny_engine import DESCRIPTION, TinyOptions

SECRET = "a secret for the tests"
PIXELS = np.full((16, 24, 4), 255, np.uint8)


@pytest.fixture
def client() -> Iterator[Client]:
    server = Server(SECRET)
    server.start()
    with Client(server.address, SECRET) as made:
        yield made
    server.stop()


def colour(client: Client, **options: object) -> list[int]:
    """The colour of a frame under some options of the engine, which go through PREPARE."""
    asked = EngineOptions(engine_options=options)  # type: ignore[arg-type]
    client.prepare(PortraitSource(pixels=PIXELS), "tiny", asked)
    return client.render(Coefficients.zero()).pixels[0, 0, :3].tolist()


def test_its_options_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("render", "edit"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = " ".join(capsys.readouterr().out.split())
        assert "--channel {red,green,blue}" in text
        assert "engine tiny: Which channel is filled (default: red)" in text
        assert "engine tiny: How bright it is, 0 to 255: 100 % is 255 (default: 100)" in text
        assert "--inverted-colours engine tiny: Fill the other channels instead" in text


def test_its_options_reach_a_render(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(PIXELS[..., :3]).save(tmp_path / "photo.png")
    still = np.zeros((1, 52), np.float32), np.zeros((1, 3), np.float32)
    clip = motion_clip.MotionClip(25.0, still[0], still[1], still[1])
    motion_clip.save(clip, tmp_path / "clip.npz")
    words = ["render", "--portrait", str(tmp_path / "photo.png"), "--engine", "tiny"]
    words += ["--motion", str(tmp_path / "clip.npz"), "--out", str(tmp_path / "frames")]
    assert main([*words, "--channel", "blue", "--level", "200"]) == 0
    with Image.open(tmp_path / "frames" / "frame_000001.png") as frame:
        assert frame.getpixel((3, 3))[:3] == (0, 0, 200)
    assert main([*words, "--channel", "pink"]) == 2
    assert "--channel pink: choose one of red, green, blue" in capsys.readouterr().err


def test_welcome_describes_it(client: Client) -> None:
    assert "tiny" in client.server["engines"]
    found = {one.name: one for one in read_descriptions(client.server)}
    assert found["tiny"] == DESCRIPTION.for_clients()
    assert [one.kind for one in found["tiny"].options] == ["choice", "integer", "flag"]
    assert found["styleheat"].capabilities.inverts_attributes_with == "keep_identity"
    assert set(client.server["engines"]) == set(found) == set(registry.engine_names())


def test_its_options_go_through_prepare(client: Client) -> None:
    assert colour(client) == [100, 0, 0]
    assert colour(client, channel="green", level=7) == [0, 7, 0]
    assert colour(client, channel="green", inverted_colours=True) == [100, 0, 100]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"channel": "pink"}, "none of red, green, blue"),
        ({"level": "high"}, "no integer"),
        ({"level": True}, "no integer"),
        ({"inversion": "encode"}, "the engine tiny has no option 'inversion'"),
    ],
)
def test_what_it_cannot_have_is_reported(
    client: Client, options: dict[str, object], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        colour(client, **options)
    assert colour(client, level=3) == [3, 0, 0], "the session goes on"


class OptionsOfBefore(EngineOptions):
    """Sent as earlier clients do: all engines' options beside the general ones."""

    def header(self) -> Header:
        general = {"size": None, "device": None, "face": None, "neutralise": False}
        return {**general, "inversion": "encode", "keep_identity": False, "level": 50}


def test_clients_of_before_are_served(client: Client) -> None:
    client.prepare(PortraitSource(pixels=PIXELS), "tiny", OptionsOfBefore())
    assert client.render(Coefficients.zero()).pixels[0, 0, :3].tolist() == [50, 0, 0]


def test_servers_of_before_find_them_there_too() -> None:
    header = EngineOptions(engine_options={"inversion": "coarse"}).header()
    assert header["inversion"] == "coarse" == header["engine_options"]["inversion"]
    assert EngineOptions.read(header).engine_options == {"inversion": "coarse"}
    saved = {"size": 8, "device": "cpu", "face": None, "neutralise": True, "keep_identity": True}
    read = EngineOptions.read(saved)
    assert (read.size, read.neutralise, read.engine_options) == (8, True, {"keep_identity": True})


def test_options_at_their_defaults_do_not_change_a_shot() -> None:
    assert changed_options(None) == changed_options(TinyOptions()) == ()
    assert changed_options(TinyOptions(level=5)) == (("level", 5),)


def test_descriptions_are_light_to_import() -> None:
    code = (
        "import sys; from heat_backend.engines.registry import descriptions; descriptions(); "
        "print([name for name in ('torch', 'cv2', 'PIL', 'av', 'numba') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
