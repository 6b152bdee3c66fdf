# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of the photo in the engine styleheat: inverted at keys, interpolated between them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bridge import edit_cost
from bridge.coefficients import Coefficients
from bridge.errors import BadInput, Cancelled
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import EngineSettings, frame_drawer
from heat_backend.engines.registry import make_engine
from heat_backend.media.photo import Photo
from heat_backend.styleheat.bfm.expression_map import ExpressionMap
from heat_backend.styleheat.bfm.head_pose import HeadMotion
from heat_backend.styleheat.crops.deep3d import landmarks_68
from heat_backend.styleheat.crops.paste_back import paste_back
from heat_backend.styleheat.editing.directions import Direction, EditList, LatentEdit
from heat_backend.styleheat.editing.edited_inversion import INVERSIONS_IN_MEMORY, InversionCache
from heat_backend.styleheat.editing.frame_edits import NOTHING, FrameEdits
from heat_backend.styleheat.editing.photo_edits import EditedPastes, EditedPhoto, PhotoEditor
from heat_backend.styleheat.inversion.cache import PortraitInverter, read_inversion, save_inversion
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.portrait import CoefficientMapper, Editing, StyleHeatPortrait

pytestmark = pytest.mark.slow

CROP = np.full((1024, 1024, 3), 100, np.uint8)
SMALL = np.full((96, 80, 3), 100, np.uint8)
TO_PHOTO = np.array([[0.05, 0.0, 15.0], [0.0, 0.05, 20.0]])
MARKS = np.random.default_rng(0).uniform(300, 700, (68, 2))
CODES = torch.zeros(1, 18, 512)


def inversion_of(tone: float) -> Inversion:
    whole = torch.full((1, 1, 1, 1), tone)
    return Inversion(
        whole.expand(1, 3, 8, 8), whole[0].expand(1, 18, 512), whole.expand(1, 512, 64, 64), None
    )


class Toner:
    """Stands for the photo's editor: skin_tone makes it brighter, ten levels a step."""

    def edited(self, edits):
        more = round(10 * edits.get("skin_tone", 0.0) + 10 * edits.get("jaw_width", 0.0))
        pictures = (np.uint8(whole.astype(int) + more) for whole in (SMALL, CROP))
        return EditedPhoto(*pictures)


class Brightness(PortraitInverter):
    """Stands for the networks: the inversion is the crop's brightness."""

    made: list = []  # noqa: RUF012
    calls: list = []  # noqa: RUF012

    def invert(self, crop, key, monitor):
        self.calls.append(key)
        kept = read_inversion(self.cache, key)
        if kept is not None:
            return kept
        monitor.step("inverting", 0.0)
        self.made.append(float(crop.mean()))
        found = inversion_of(float(crop.mean()))
        save_inversion(self.cache, key, found, 12.0)
        return found


class Watched:
    """Stands for the driver: draws the brightness of the inversion."""

    notes: tuple[str, ...] = ()

    def __init__(self, inversions):
        self.inversions, self.frame_edits = inversions, []

    def descriptors(self, windows):
        return windows.mean(axis=2)

    def picture(self, descriptor, frame_edits=NOTHING):
        self.frame_edits.append(frame_edits)
        level = float(self.inversions.at(frame_edits).inversion.fx.mean())
        return np.full((1024, 1024, 3), round(level), np.uint8)

    def prefetch(self, descriptor, frame_edits=NOTHING):
        pass


@pytest.fixture
def made(tmp_path):
    Brightness.made = []
    return portrait(tmp_path)


def portrait(folder: Path) -> SimpleNamespace:
    networks = SimpleNamespace(inversion_fingerprint="w", device="cpu")
    age = LatentEdit("age", Direction(torch.ones(512)), 5.0, "age.pt")
    edits = EditList({"age": age})
    own = EditedPhoto(SMALL, CROP)
    inversions = InversionCache(
        Brightness(networks, folder, "encode"), own, inversion_of(100.0), Toner(), edits, MARKS
    )
    driver = Watched(inversions)
    blank = np.zeros(52, np.float32)
    expressions = ExpressionMap(
        np.zeros((64, 52), np.float32), blank, blank, np.zeros(3, np.float32), 0.9
    )
    vector = np.zeros(73, np.float32)
    vector[69:73] = 0.4, 0.6, 128, 128
    standard = [[-0.3, 0.3, 0.1], [0.3, 0.3, 0.1], [0, 0, 0.5], [-0.25, -0.4, 0.2], [0.25, -0.4, 0.2]]  # fmt: skip # noqa: E501
    puppet = CoefficientMapper(
        HeadMotion(vector, np.array(standard), np.zeros(3), 0.9), expressions
    )

    def paste(amounts):
        photo = inversions.photo(amounts)
        return paste_back(photo.pixels, TO_PHOTO, photo.crop, photo.crop)

    editing = Editing(
        edits.names, False, 12.0, EditedPastes(paste(()), paste), inversions.set_cancel_check
    )
    whole = StyleHeatPortrait(driver, puppet, paste(()), (), editing)
    return SimpleNamespace(portrait=whole, driver=driver, inversions=inversions)


def clip(frames: int, **curves) -> MotionClip:
    still = np.zeros((frames, 3), np.float32)
    edits = np.stack([np.asarray(c, np.float32) for c in curves.values()], axis=1)
    return MotionClip(25.0, np.zeros((frames, 52), np.float32), still, still, edits, tuple(curves))


def test_codes_and_features_are_interpolated_between_few_inversions(made) -> None:
    moving = clip(21, skin_tone=np.linspace(0, 2, 21))
    draw = frame_drawer(made.portrait, moving)
    frames = [draw(index).copy() for index in range(21)]
    assert Brightness.made == [120.0], "one inversion, at the end: the photo's own is at hand"
    inside = [int(frame[45, 40, 0]) for frame in frames]
    assert inside == [100 + index for index in range(21)]
    corner = [int(frame[2, 2, 0]) for frame in frames]
    assert corner == inside, "the photo around the square is edited, too"
    inverted = made.inversions.at(made.driver.frame_edits[5])
    assert float(inverted.inversion.wplus.mean()) == pytest.approx(105.0)
    assert float(inverted.picture.mean()) == pytest.approx(105.0 / 127.5 - 1.0, abs=1e-3)


def test_the_cost_is_reported_before_and_is_what_it_comes_to(made, tmp_path) -> None:
    curve = np.interp(np.arange(61), [0, 20, 40, 60], [0, 3, 3, -3])
    moving = clip(61, jaw_width=curve)
    told = made.portrait.edit_cost(moving)
    assert told == "4 inversions of the edited photo, about 48 s"
    draw = frame_drawer(made.portrait, moving)
    for index in range(61):
        draw(index)
    assert len(Brightness.made) == 4
    again = portrait(tmp_path)
    frame_drawer(again.portrait, moving)(60)
    assert len(Brightness.made) == 4, "kept by portrait and values"


def test_a_pose_held_under_edits_is_inverted_once(made) -> None:
    bright = Coefficients.of(edits={"skin_tone": 1.5, "age": 0.25})
    for _ in range(3):
        frame = made.portrait.render(bright)
    assert Brightness.made == [115.0]
    assert frame[45, 40, 0] == 115
    frame_edits = made.driver.frame_edits[-1]
    assert dict(frame_edits.live) == {"age": 0.25}, "attributes stay live"
    assert made.portrait.render(Coefficients.zero())[45, 40, 0] == 100
    assert made.driver.frame_edits[-1] == NOTHING


def test_an_export_can_be_stopped_while_an_inversion_goes_on(made) -> None:
    draw = frame_drawer(made.portrait, clip(3, skin_tone=[1, 1, 1]), lambda: True)
    with pytest.raises(Cancelled):
        draw(0)
    assert Brightness.made == []
    made.portrait.render(Coefficients.of(edits={"skin_tone": 1.0}))


def test_unknown_edits_are_refused_before_any_work(made) -> None:
    with pytest.raises(BadInput, match="skin_tone"):
        frame_drawer(made.portrait, clip(2, skin_tonne=[0, 1]))
    with pytest.raises(BadInput, match="no edit 'zzz'"):
        made.portrait.check_edits(["zzz"])
    made.portrait.check_edits(["age", "old" if "old" in made.portrait.attributes else "age"])


def test_attributes_have_keys_of_their_own_where_identity_is_kept() -> None:
    frame_edits = FrameEdits.held({"age": 0.5, "blush": 0.0}, keep_identity=True)
    assert frame_edits.live == () and dict(frame_edits.before) == {"age": 0.5}
    assert FrameEdits.held({"age": 0.0}) == NOTHING


def test_what_a_preview_inverted_serves_an_export() -> None:
    edits = {"skin_tone": 0.3, "jaw_width": -1.237}
    clip_keys = edit_cost.edit_keys([list(edits.values())] * 4, list(edits))
    posed = Coefficients.of(edits=edits).edits
    assert FrameEdits.between(clip_keys, 2, posed) == FrameEdits.held(posed)


def test_only_the_newest_inversions_stay_in_memory(made) -> None:
    frames = [FrameEdits.held({"skin_tone": 0.25 * step}) for step in range(1, 8)]
    for frame in frames:
        made.inversions.at(frame)
    assert len(Brightness.made) == 7
    before = len(Brightness.calls)
    for frame in frames[-INVERSIONS_IN_MEMORY:]:
        made.inversions.at(frame)
    assert len(Brightness.calls) == before, "the newest are in memory"
    made.inversions.at(frames[0])
    assert len(Brightness.calls) == before + 1, "the oldest is not"
    assert len(Brightness.made) == 7, "but on the disk"


def test_the_warp_engine_edits_the_photo_and_leaves_what_is_not_edited() -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")
    from heat_backend.detect.detector import make_detector

    photo = np.ascontiguousarray(data.astronaut())
    marks = landmarks_68(make_detector("mediapipe").detect(photo)[0].points[:, :2])
    prepared: list = []

    def prepare():
        settings = EngineSettings(size=384, device="cpu")
        prepared.append(
            make_engine("warp").prepare(Photo(photo), settings, lambda *_: None, lambda: False)
        )
        return prepared[-1]

    editor = PhotoEditor(photo, marks, prepare)
    assert editor.notes == ()
    lighter = editor.edited({"skin_tone": 2.0})
    assert lighter.pixels.shape == photo.shape and lighter.crop.shape == (1024, 1024, 3)
    x, y = marks[30].astype(int)
    cheek = (slice(y - 8, y + 8), slice(x - 8, x + 8))
    assert lighter.pixels[cheek].mean() > photo[cheek].mean() + 5
    np.testing.assert_array_equal(lighter.pixels[-40:], photo[-40:])
    editor.edited({"jaw_width": 9.0})
    assert len(prepared) == 1
    assert any("jaw_width goes from -3 to 3" in note for note in editor.notes)
