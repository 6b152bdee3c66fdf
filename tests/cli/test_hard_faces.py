# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos with no face, a tiny one, several, a profile: what inspect says and what render does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX
from bridge.pose import rotation_matrix
from heat_backend.cli.face_report import difficulties, pose_degrees
from heat_backend.detect.detector import make_detector
from heat_backend.detect.orientation import UNLIKE, unlikeness
from heat_backend.geometry.face_landmarks import FaceLandmarks
from tests.cli.conftest import Answer, save_clip
from tools.face_model.raster import TargetCamera, picture

pytestmark = pytest.mark.slow

Heat = Callable[..., Answer]

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")


def astronaut(rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[rows, columns])


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def face() -> FaceLandmarks:
    (found,) = make_detector("mediapipe").detect(astronaut())
    return found


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return save_clip(tmp_path / "clip.npz", 3)


def render(heat: Heat, portrait: Path, clip: Path, *more: object) -> Answer:
    out = portrait.parent / "out"
    return heat("render", "--portrait", portrait, "--motion", clip, "--out", out, *more)


def test_an_easy_face(heat: Heat, tmp_path: Path) -> None:
    path = save(tmp_path / "astronaut.png", astronaut())
    answer = heat("inspect", path, "--json")
    assert answer.status == 0
    assert answer.err == "", "native libraries' log lines must not reach the user"
    report = json.loads(answer.out)
    assert (report["faces"], report["usable"], report["landmarks"]) == (1, True, 478)
    box = report["box"]
    assert 150 < box["left"] < box["left"] + box["width"] < 300
    assert 50 < box["top"] < box["top"] + box["height"] < 200
    assert all(abs(angle) < 10 for angle in report["pose_degrees"].values())
    text = heat("inspect", path).out
    assert "pitch" in text
    assert "512 x 512" in text


def test_the_signs_of_the_pose(heat: Heat, tmp_path: Path) -> None:
    # Turning the picture counterclockwise tips the crown to the picture's left: +roll.
    turned = np.asarray(Image.fromarray(astronaut()).rotate(20, Image.Resampling.BICUBIC))
    straight = json.loads(heat("inspect", save(tmp_path / "a.png", astronaut()), "--json").out)
    tilted = json.loads(heat("inspect", save(tmp_path / "b.png", turned), "--json").out)
    change = tilted["pose_degrees"]["roll"] - straight["pose_degrees"]["roll"]
    assert change == pytest.approx(20, abs=3)


def test_no_face(heat: Heat, clip: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "coffee.png", data.coffee())
    for answer in (heat("inspect", path), render(heat, path, clip)):
        assert answer.status == 3
        assert "no face found in coffee.png" in answer.error
    assert not (tmp_path / "out").exists()


def test_a_tiny_face(heat: Heat, clip: Path, tmp_path: Path) -> None:
    small = Image.fromarray(astronaut()).resize((240, 240), Image.Resampling.LANCZOS)
    path = save(tmp_path / "tiny.png", np.asarray(small))
    answer = heat("inspect", path, "--json")
    report = json.loads(answer.out)
    assert report["usable"] is False
    assert report["face_px"] < 64
    assert any("at least 64" in text for text in report["hard"])
    answer = render(heat, path, clip)
    assert answer.status == 3
    assert "at least 64" in answer.error
    assert not (tmp_path / "out").exists()


def test_three_faces(heat: Heat, clip: Path, tmp_path: Path) -> None:
    one = astronaut(slice(30, 230), slice(120, 320))
    path = save(tmp_path / "three.png", np.hstack([one, one, one]))
    report = json.loads(heat("inspect", path, "--json").out)
    assert report["faces"] == 3
    assert any("--face" in text for text in report["hard"])
    places = set()
    for number in (1, 2, 3):
        other = json.loads(heat("inspect", path, "--json", "--face", number).out)
        places.add(int(other["box"]["left"] // 200))
    assert places == {0, 1, 2}
    for answer in (heat("inspect", path, "--face", 4), render(heat, path, clip, "--face", 4)):
        assert answer.status == 3
        assert "face 4" in answer.error
        assert "from 1 to 3" in answer.error
    alone = save(tmp_path / "one.png", astronaut())
    for answer in (heat("inspect", alone, "--face", 2), render(heat, alone, clip, "--face", 2)):
        assert answer.status == 3
        assert "only one face" in answer.error


def test_render_drives_one_of_three_faces(heat: Heat, clip: Path, tmp_path: Path) -> None:
    one = astronaut(slice(30, 230), slice(120, 320))
    path = save(tmp_path / "three.png", np.hstack([one, one, one]))
    answer = render(heat, path, clip, "--face", 2)
    assert answer.status == 0, answer.err
    with Image.open(tmp_path / "out" / "frame_000003.png") as frame:
        assert frame.size == (600, 200)


def turned(face: FaceLandmarks, yaw_degrees: float) -> FaceLandmarks:
    """The face's landmarks turned about the vertical; positive to the picture's right."""
    points = face.points.astype(np.float64)
    middle = points.mean(axis=0)
    angle = np.radians(yaw_degrees)
    x, y, z = (points - middle).T
    # Picture axes: z grows away from the viewer, so a nose that goes right comes from -z.
    rotated = np.stack(
        [x * np.cos(angle) - z * np.sin(angle), y, x * np.sin(angle) + z * np.cos(angle)]
    )
    return replace(face, points=(rotated.T + middle).astype(np.float32))


@pytest.mark.parametrize(("yaw", "side"), [(60.0, "right"), (-60.0, "left")])
def test_a_profile_is_called_one(face: FaceLandmarks, yaw: float, side: str) -> None:
    profile = turned(face, yaw)
    assert pose_degrees(profile)["yaw"] == pytest.approx(yaw, abs=5)
    told = difficulties(profile, 1, 512, 512)
    assert any("profile" in text and f"picture's {side}" in text for text in told)
    assert not any("profile" in text for text in difficulties(turned(face, yaw / 4), 1, 512, 512))


def head_turned(yaw_degrees: float) -> np.ndarray:
    """A picture of our own head model, turned; positive to the picture's right."""
    model = face_model.load()
    turn = rotation_matrix((0.0, np.radians(yaw_degrees), 0.0))
    vertices = model.vertices.astype(np.float64) @ turn.T
    x, y, z = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    camera = TargetCamera(target=(x, y, z), distance=8.0, scale=130.0, size=512)
    return picture(vertices, model.triangles, model.vertex_albedo, camera)


@pytest.mark.parametrize("yaw", [-90.0, -85.0, 75.0, 85.0, 90.0])
def test_a_picture_in_profile_is_reported_in_one_line(
    heat: Heat, clip: Path, tmp_path: Path, yaw: float
) -> None:
    path = save(tmp_path / "profile.png", head_turned(yaw))
    told = heat("inspect", path)
    if told.status == 0:
        assert sum("profile:" in line for line in told.out.splitlines()) == 1
        assert told.err == ""
    else:
        assert told.status == 3
        assert "no face found in profile.png" in told.error
    answer = render(heat, path, clip)
    assert answer.status == told.status
    if answer.status:
        assert answer.error == told.error
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(("yaw", "side"), [(24.0, "right"), (-24.0, "left")])
def test_a_face_turned_a_little_is_reported(
    heat: Heat, tmp_path: Path, yaw: float, side: str
) -> None:
    path = save(tmp_path / "turned.png", head_turned(yaw))
    (hard,) = (t for t in json.loads(heat("inspect", path, "--json").out)["hard"] if "turned" in t)
    found = re.search(r"turned by (\d+) degrees to the picture's (\w+)", hard)
    assert found is not None
    assert int(found[1]) == pytest.approx(abs(yaw), abs=7)
    assert found[2] == side
    assert "profile" not in hard


def test_closed_eyes_and_faces_cut_off(face: FaceLandmarks) -> None:
    closed = face.points.copy()
    for upper, lower in ((159, 145), (158, 153), (386, 374), (385, 380)):
        closed[upper] = closed[lower]
    assert any("eyes are closed" in t for t in difficulties(FaceLandmarks(closed), 1, 512, 512))
    assert not any("eyes are closed" in text for text in difficulties(face, 1, 512, 512))
    assert any("cut off" in text for text in difficulties(face, 1, 250, 512))


def test_an_unknown_detector(heat: Heat, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", astronaut())
    answer = heat("inspect", path, "--detector", "crystal-ball")
    assert answer.status == 2
    assert "mediapipe" in answer.error


def test_a_photo_on_its_side_or_head_is_read(heat: Heat, tmp_path: Path) -> None:
    for quarters, roll in ((1, 90), (2, 180), (3, -90)):
        path = save(tmp_path / "turned.png", np.ascontiguousarray(np.rot90(astronaut(), quarters)))
        report = json.loads(heat("inspect", path, "--json").out)
        if quarters == 2 and abs(report["pose_degrees"]["roll"]) < 30:
            continue  # some faces on their head look like another one to FaceMesh
        off = (report["pose_degrees"]["roll"] - roll + 180) % 360 - 180
        assert abs(off) < 10
        assert any("upright" in text for text in report["hard"])


def test_dark_and_burnt_out_faces_are_reported(heat: Heat, tmp_path: Path) -> None:
    dark = save(tmp_path / "dark.png", (astronaut() * 0.1).astype(np.uint8))
    burnt = np.clip(astronaut() * 2.5 + 80, 0, 255).astype(np.uint8)
    for path, word in ((dark, "dark"), (save(tmp_path / "burnt.png", burnt), "overexposed")):
        report = json.loads(heat("inspect", path, "--json").out)
        assert any(word in text for text in report["hard"])
    usual = json.loads(heat("inspect", save(tmp_path / "a.png", astronaut()), "--json").out)
    assert not any("dark" in t or "overexposed" in t for t in usual["hard"])


def test_a_face_too_small_at_the_size_asked_for_is_reported(
    heat: Heat, clip: Path, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.png", astronaut())
    answer = render(heat, path, clip, "--size", 160)
    assert answer.status == 0
    assert "larger size" in answer.err + answer.out


def test_a_shout_is_no_reason_to_look_for_the_face_upside_down() -> None:
    model = face_model.load()
    shout = {"jawOpen": 1.3, "mouthFunnel": 0.5, "mouthLowerDownLeft": 1.0}
    moved = sum(w * model.expression[EXPRESSION_INDEX[name]] for name, w in shout.items())
    points = face_model.landmarks(model, model.vertices + moved) * (100.0, -100.0, -100.0)
    assert unlikeness(FaceLandmarks(points.astype(np.float32))) < 0.5 * UNLIKE
