# SPDX-License-Identifier: GPL-3.0-or-later
"""The face-alignment detector: how it is loaded, and what 68 points are enough for."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.errors import MissingHere
from bridge.pose import rotation_angles
from heat_backend.cli.main import main
from heat_backend.detect.detector import make_detector
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.fit.sparse_to_dense import dense_landmarks
from heat_backend.geometry import landmark_measures
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LANDMARKS_68
from heat_backend.media.photo import Photo
from tests.portraits import KIT
from tools.measures import fidelity

pytestmark = pytest.mark.slow

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="module")
def dense(astronaut: np.ndarray) -> FaceLandmarks:
    (found,) = make_detector("mediapipe").detect(astronaut)
    return found


class Networks:
    """Answers as ``face_alignment.FaceAlignment`` 1.5.0 does, with FaceMesh's own points."""

    def __init__(self, landmarks_type: object, *, device: str, compile: bool) -> None:
        assert landmarks_type == 1
        assert device in ("cpu", "cuda")
        assert compile is False

    def get_landmarks_from_image(self, image: np.ndarray) -> list[np.ndarray] | None:
        faces = make_detector("mediapipe").detect(image)
        if not faces:
            return None
        # Smallest first: the order is the finder's, not by size.
        return [face.points[list(LANDMARKS_68), :2] for face in reversed(faces)]


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("face_alignment")
    module.LandmarksType = types.SimpleNamespace(TWO_D=1)
    module.FaceAlignment = Networks
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    return module


def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, astronaut
) -> None:
    from PIL import Image

    monkeypatch.setitem(sys.modules, "face_alignment", None)
    Image.fromarray(astronaut).save(tmp_path / "a.png")
    status = main(["inspect", str(tmp_path / "a.png"), "--detector", "face-alignment"])
    told = capsys.readouterr().err
    assert status == 4
    assert len(told.strip().splitlines()) == 1
    assert "pip install" in told and "face-alignment==1.5.0" in told


def test_without_weights_one_line_says_where_they_go(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: types.ModuleType
) -> None:
    def refused(*args: object, **kwargs: object) -> None:
        raise OSError("<urlopen error [Errno -2] Name or service not known>")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    package.FaceAlignment = refused
    with pytest.raises(MissingHere, match=r"2DFAN4.*checkpoints") as told:
        make_detector("face-alignment")
    assert str(tmp_path) in str(told.value)
    assert told.value.exit_code == 4


def test_it_drives_a_face(package: types.ModuleType, astronaut: np.ndarray) -> None:
    settings = EngineSettings(detector="face-alignment")
    portrait = make_engine("warp").prepare(
        Photo(astronaut, "astronaut"), settings, lambda *_: None, lambda: False
    )
    tracker = fidelity.Tracker(portrait, make_detector("mediapipe"))
    shut = tracker.expressed(**fidelity.both("eyeBlink"))
    for side in landmark_measures.SIDES:
        assert landmark_measures.eye_opening(shut, side) <= 0.4 * landmark_measures.eye_opening(
            tracker.still, side
        )
    opened = tracker.expressed(jawOpen=0.7)
    assert (
        landmark_measures.mouth_opening(opened)
        >= landmark_measures.mouth_opening(tracker.still) + 0.12
    )
    turned = tracker.at(Coefficients.of(rotation=(0.0, np.radians(20.0), 0.0)))
    assert landmark_measures.pose_change(turned, tracker.still)[1] == pytest.approx(20.0, abs=5.0)


def test_faces_are_numbered_by_size(package: types.ModuleType, astronaut: np.ndarray) -> None:
    import cv2

    one = astronaut[30:230, 120:320]
    small = np.full_like(one, 128)
    small[40:180, 30:170] = cv2.resize(one, (140, 140), interpolation=cv2.INTER_AREA)
    faces = make_detector("face-alignment").detect(np.hstack([small, one]))
    assert len(faces) == 2
    assert faces[0].size > 1.2 * faces[1].size
    assert faces[0].box[0] > 200


def test_a_picture_without_a_face_has_none(package: types.ModuleType) -> None:
    assert make_detector("face-alignment").detect(data.coffee()) == []


def test_68_points_give_nearly_the_pose_and_landmarks_of_468(
    astronaut: np.ndarray, dense: FaceLandmarks
) -> None:
    _close(astronaut, dense)


@pytest.mark.skipif(not KIT.is_dir(), reason="the portraits are not beside this checkout")
@pytest.mark.parametrize("name", ["p02_synth_man.jpg", "p06_smile_teeth.jpg"])
def test_on_portraits_too(name: str) -> None:
    from heat_backend.media.photo import load_photo

    pixels = load_photo(KIT / name).pixels
    _close(pixels, make_detector("mediapipe").detect(pixels)[0])


def _close(pixels: np.ndarray, dense: FaceLandmarks) -> None:
    from bridge import face_model

    lifted = dense_landmarks(pixels, dense.points[list(LANDMARKS_68), :2])
    unit = dense.outer_eye_distance
    apart = np.linalg.norm(lifted.points[:, :2] - dense.points[:, :2], axis=1) / unit
    assert apart[list(LANDMARKS_68[17:])].max() < 1e-3, "points that were given are kept"
    assert apart[:468].mean() < 0.03
    assert apart[[468, 473]].max() < 0.05, "irises are found in the photo"
    model = face_model.load()
    turn = fit_face(model, dense).rotation.T @ fit_face(model, lifted).rotation
    assert np.abs(np.degrees(rotation_angles(turn))).max() < 3.0
