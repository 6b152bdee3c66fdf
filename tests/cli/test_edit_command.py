# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat edit``, ``heat match`` and ``heat fit`` as a user types them."""

import json

import numpy as np
import pytest
from PIL import Image

from bridge import motion_clip
from bridge.edits import EDITS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

    path = tmp_path_factory.mktemp("edit") / "photo.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def test_the_list_names_every_edit_and_both_engines(heat):
    answer = heat("edit", "--list")
    assert answer.status == 0
    assert "engine warp:" in answer.out
    assert "engine styleheat" in answer.out
    for edit in EDITS:
        assert edit.raw or edit.name in answer.out


def test_the_list_as_json_names_them_for_other_programs(heat):
    told = json.loads(heat("edit", "--list", "--json").out)
    assert told["engines"]["warp"] == [edit.name for edit in EDITS]
    assert isinstance(told["engines"]["styleheat"], list)
    assert all(isinstance(line, str) for line in told["problems"])


def test_the_list_says_which_attributes_each_engine_has(heat, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs torch, the extra networks")

    folder = tmp_path / "weights"
    (folder / "directions").mkdir(parents=True)
    torch.save(torch.zeros(512), folder / "directions" / "glasses.pt")
    torch.save(torch.zeros(511), folder / "directions" / "broken.pt")
    torch.save(torch.zeros(512), folder / "directions" / "blush.pt")
    monkeypatch.setenv("HEAT_WEIGHTS", str(folder))
    lines = heat("edit", "--list").out.splitlines()
    warp, styleheat = (lines.index(f"engine {name}:") for name in ("warp", "styleheat"))
    assert any("no attributes" in line for line in lines[warp:styleheat])
    told = "\n".join(lines[styleheat:])
    assert "glasses" in told and "inverted again" in told
    assert "broken.pt holds 511 values" in told
    assert "blush.pt: blush is another edit's name" in told
    engines = json.loads(heat("edit", "--list", "--json").out)["engines"]
    assert set(engines["styleheat"]) - set(engines["warp"]) == {"glasses"}
    assert set(engines["warp"]) < set(engines["styleheat"])


def test_without_an_edit_nothing_is_written(heat, photo, tmp_path):
    out = tmp_path / "out.png"
    answer = heat("edit", "--portrait", photo, "--out", out)
    assert answer.status == 2
    assert "--set jaw_width=2" in answer.error
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["jaw_widht=2"], 3, "jaw_width"),
        (["jaw_width=nan"], 3, "finite"),
        (["jaw_width=wide"], 3, "not a number"),
        (["jaw_width"], 2, "NAME=VALUE"),
        (["blush=1", "blush=2"], 2, "twice"),
    ],
)
def test_what_cannot_be_set_is_reported(heat, photo, tmp_path, words, status, told):
    out = tmp_path / "out.png"
    answer = heat("edit", "--portrait", photo, "--out", out, "--set", *words)
    assert answer.status == status
    assert told in answer.error
    assert not out.exists()


def test_an_edited_still_is_written_and_says_that_it_is_synthetic(heat, photo, tmp_path):
    out = tmp_path / "out.png"
    words = ["skin_tone=-2", "jaw_width=9"]
    answer = heat("edit", "--portrait", photo, "--size", 256, "--out", out, "--set", *words)
    assert answer.status == 0, answer.err
    assert "jaw_width goes from -3 to 3" in answer.err
    with Image.open(out) as picture:
        assert picture.size == (256, 256)
        assert picture.info["Synthetic"] == "true"
        assert "warp" in picture.info["Comment"]
        edited = np.asarray(picture).astype(int)
    with Image.open(photo) as picture:
        small = np.asarray(picture.resize((256, 256))).astype(int)
    assert 1.0 < np.abs(edited - small).mean() < 60.0


def test_a_fit_holds_shape_colours_light_and_pose(heat, photo, tmp_path):
    out = tmp_path / "fit.npz"
    answer = heat("fit", "--portrait", photo, "--size", 384, "--out", out)
    assert answer.status == 0, answer.err
    assert "light from" in answer.out
    with np.load(out, allow_pickle=False) as data:
        fit = {name: data[name] for name in data.files}
    count = len(fit["vertices"])
    assert str(fit["format"]) == "heat-fit"
    assert fit["identity"].shape == (50,)
    assert fit["expression"].shape == (52,)
    assert fit["texture"].shape == (384, 384, 3)
    assert fit["neutral"].shape == fit["residual"].shape == (count, 3)
    assert fit["triangles"].max() < count
    assert fit["shapes"].shape == (52, count, 3)
    assert fit["photo"].shape == fit["texture"].shape
    part = np.array(fit["part_names"])[fit["part"]]
    seen = {name: fit["seen"][part == name] for name in ("face", "head", "eye_left")}
    assert np.median(seen["face"]) > 0.5 > np.median(seen["head"])
    assert seen["eye_left"].max() > 0.5
    assert (seen["eye_left"] == 0.0).mean() > 0.2  # its back, and what the lids cover
    # Before the nose stands its own skin, beyond the photo a colour that goes with it.
    nose = int(np.argmax(np.where(part == "face", fit["vertices"][:, 2], -9.0)))
    assert fit["seen"][nose] > 0.9
    x, y = fit["uv"][nose] * 384
    skin = fit["photo"][383 - int(y), int(x)].astype(int)
    assert np.abs(skin - fit["colour"][nose]).max() < 60
    hidden = (part == "neck") & (fit["seen"] == 0.0)
    assert fit["colour"][hidden].mean() > 20
    assert np.linalg.norm(fit["light_direction"]) == pytest.approx(1.0, abs=1e-3)
    assert 0.0 < float(fit["landmark_error"]) < 0.05
    assert all(np.isfinite(v).all() for v in fit.values() if v.dtype.kind == "f")


def test_a_fit_of_a_picture_without_a_face_is_reported(heat, tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((128, 128, 3), 127, np.uint8)).save(path)
    answer = heat("fit", "--portrait", path, "--out", tmp_path / "fit.npz")
    assert answer.status == 3
    assert "face" in answer.error


def test_a_match_is_a_clip_with_edits_and_is_reported_in_lines(heat, photo, tmp_path):
    sample, out = tmp_path / "sample.png", tmp_path / "like.npz"
    with Image.open(photo) as picture:
        tinted = np.asarray(picture, np.float32)[:, ::-1] * (0.75, 0.7, 0.6)
    Image.fromarray(tinted.astype(np.uint8)).save(sample)
    answer = heat("match", "--portrait", photo, "--sample", sample, "--size", 320, "--out", out)
    assert answer.status == 0, answer.err
    assert "expression: " in answer.out
    assert "light: " in answer.out
    found = motion_clip.load(out)
    assert len(found) == 1
    assert found.source == "sample.png"
    assert found.frame(0).edits["skin_tone"] < -1.0
    assert not found.rotation.any()
    still = tmp_path / "like.png"
    words = ["--size", 256, "--take", "skin_tone", "--out", still]
    answer = heat("match", "--portrait", photo, "--sample", sample, *words)
    assert answer.status == 0, answer.err
    with Image.open(still) as picture:
        assert picture.info["Synthetic"] == "true"
        darker = np.asarray(picture)[30:80, 90:135].mean()
    with Image.open(photo) as picture:
        assert darker < np.asarray(picture)[60:160, 180:270].mean() - 8.0


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["--take", "hair"], 2, "hair"),
        (["--sample-face", "0"], 2, "counted from 1"),
        (["--out", "like.gif"], 2, ".npz"),
        (["--sample", "nowhere.png"], 3, "nowhere.png"),
    ],
)
def test_a_match_that_cannot_be_is_reported(heat, photo, tmp_path, words, status, told):
    usual = ["--sample", photo, "--out", tmp_path / "like.npz"]
    answer = heat("match", "--portrait", photo, *usual, *words)
    assert answer.status == status
    assert told in answer.error


def test_no_command_writes_over_what_it_reads(heat, photo):
    before = photo.read_bytes()
    for command in (
        ("edit", "--portrait", photo, "--set", "jaw_width=1", "--out", photo),
        ("match", "--portrait", photo, "--sample", photo, "--out", photo),
        ("sheet", "--portrait", photo, "--out", photo),
    ):
        answer = heat(*map(str, command))
        assert answer.status == 2 and "name another" in answer.err
    assert photo.read_bytes() == before


def test_a_folder_that_is_not_there_is_reported_before_the_work(heat, photo, tmp_path):
    out = tmp_path / "no" / "such.png"
    answer = heat("edit", "--portrait", str(photo), "--set", "jaw_width=1", "--out", str(out))
    assert answer.status == 3 and "make it, or choose another" in answer.err
