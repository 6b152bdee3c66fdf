# SPDX-License-Identifier: GPL-3.0-or-later
"""What edits do to the warp engine's frames."""

from pathlib import Path

import numpy as np
import pytest

from bridge import edit_directions, motion_clip
from bridge.coefficients import Coefficients
from bridge.edits import EDITS, LIGHT_EDITS, TEXTURE_EDITS
from bridge.errors import BadInput
from bridge.face_model import load, shape
from heat_backend.detect.detector import make_detector
from heat_backend.edits.colour_steps import to_lab
from heat_backend.edits.face_measurements import measured_head
from heat_backend.edits.light import LitHead, light_share
from heat_backend.edits.photo_fit import fit_photo
from heat_backend.engines.protocol import EngineSettings, frame_drawer
from heat_backend.engines.registry import make_engine
from heat_backend.media.photo import Photo
from heat_backend.warp.portrait import WarpPortrait
from tests import portraits
from tools.measures import edits as measures
from tools.measures import known_heads
from tools.measures.fidelity import psnr
from tools.measures.tracking import Tracker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait() -> WarpPortrait:
    return portraits.warp_portrait(size=384)


def frame(portrait: WarpPortrait, **edits: float) -> np.ndarray:
    return portrait.render(Coefficients.of(edits=edits))[..., :3].copy()


def test_edits_that_are_zero_again_leave_no_trace(portrait):
    before = frame(portrait)
    frame(portrait, jaw_width=2.0, skin_tone=1.0, light_amount=0.5)
    assert np.array_equal(frame(portrait, jaw_width=0.0, skin_tone=0.0, light_amount=0.0), before)


@pytest.mark.parametrize("name", ["face_length", "mouth_width", "eye_distance", "nose_length"])
def test_a_shape_edit_is_found_by_a_tracker_and_is_about_what_it_says(portrait, name):
    tracker = Tracker(portrait, make_detector("mediapipe"))
    rows = list(measures.shape_rows(portrait, tracker, [name]))
    found, followed = (row.value for row in rows if row.what.endswith("of the model's"))
    assert 0.5 < found < 1.6
    assert 0.6 < followed < 1.4


def test_a_direction_found_in_the_portrait_is_still_what_its_name_says(portrait):
    frame(portrait, eye_size=1.0)
    model, spread = load(), edit_directions.load().spread
    change = portrait.editor.directions.identity_change({"eye_size": 1.0})
    before, after = (
        measured_head(model, shape(model, w, np.zeros(52))) for w in (0.0 * change, change)
    )
    moved = {name: (after[name] - before[name]) / spread[name] for name in spread}
    assert 0.9 < moved.pop("eye_size") < 1.35
    assert max(map(abs, moved.values())) <= 0.2


def test_shape_edits_move_the_head_and_leave_the_corners_of_the_picture_alone(portrait):
    before, after = frame(portrait), frame(portrait, face_width=2.0)
    assert psnr(after, before) < 35.0
    assert np.array_equal(after[:20, :20], before[:20, :20])
    assert np.array_equal(after[-10:, :10], before[-10:, :10])


def test_colours_change_as_asked_inside_and_not_at_all_outside(portrait):
    tracker = Tracker(portrait, make_detector("mediapipe"))
    rows = {row.what: row for row in measures.texture_rows(portrait, tracker)}
    for name in ("skin_tone", "skin_warmth", "lip_saturation", "hair_lightness", "blush"):
        assert rows[f"{name}: off what is asked"].value <= 0.2, name
        assert rows[f"{name}: outside"].holds, name


def test_darker_skin_keeps_its_detail(portrait):
    skin = portrait.editor.colours.base.mask("complexion") > 230
    before, after = frame(portrait), frame(portrait, skin_tone=-1.5)
    lightness = [to_lab(f[skin].astype(float))[:, 0] for f in (before, after)]
    assert lightness[1].mean() < lightness[0].mean() - 5.0
    assert np.corrcoef(lightness[0], lightness[1])[0, 1] > 0.97


def test_eye_colour_changes_irises_only(portrait):
    change = np.abs(frame(portrait, eye_colour=2.0).astype(int) - frame(portrait)).max(axis=2)
    landmarks = portrait.landmarks(Coefficients.zero())
    unit = float(np.linalg.norm(landmarks[33, :2] - landmarks[263, :2]))
    y, x = np.nonzero(change > 8)
    assert len(y) > 10
    away = [np.hypot(x - landmarks[i, 0], y - landmarks[i, 1]) for i in (468, 473)]
    assert np.min(away, axis=0).max() < 0.14 * unit


def test_light_goes_where_it_is_turned(portrait):
    middle = portrait.landmarks(Coefficients.zero())[4, 0]
    skin = portrait.editor.colours.base.mask("complexion") > 200
    columns = np.arange(portrait.width)[None, :]
    sides = [skin & (columns < middle), skin & (columns > middle)]

    def balance(**edits: float) -> float:
        light = frame(portrait, light_amount=1.0, **edits).mean(axis=2)
        return float(light[sides[1]].mean() / light[sides[0]].mean())

    left, right = balance(light_direction_yaw=-80.0), balance(light_direction_yaw=80.0)
    assert right > 1.05 * left


def test_the_light_can_be_taken_away_and_put_back(portrait):
    assert next(iter(measures.light_rows(portrait))).holds


def test_colours_move_with_the_head(portrait):
    """An edited, turned frame is the turned frame edited: nothing stays behind."""
    turned = {"rotation": (0.0, 0.2, 0.0), "expression": {"jawOpen": 0.4}}
    plain = portrait.render(Coefficients.of(**turned))[..., :3].astype(int)
    dark = portrait.render(Coefficients.of(**turned, edits={"skin_tone": -2.0}))[..., :3]
    tracked = make_detector("mediapipe").detect(np.ascontiguousarray(plain.astype(np.uint8)))[0]
    cheeks = np.rint(tracked.points[[50, 280, 151, 199], :2]).astype(int)
    for x, y in cheeks:
        assert plain[y, x].mean() - dark[y, x].mean() > 10.0


def test_all_edits_at_once_render(portrait):
    for value in (-1.0, 1.0):
        edits = {e.name: value * e.high for e in TEXTURE_EDITS}
        edits |= {e.name: e.high if value > 0 else e.low for e in LIGHT_EDITS}
        shown = frame(portrait, jaw_width=3.0 * value, identity_01=2.0 * value, **edits)
        assert shown.shape == (portrait.height, portrait.width, 3)


def test_a_photo_without_teeth_or_hair_is_reported(portrait):
    editor = portrait.editor.colours
    base = editor.base
    missing = {name: mean for name, mean in base.means.items() if name not in ("teeth", "hair")}
    bare = type(editor)(type(base)(**{**vars(base), "means": missing, "shut": True}))
    told = bare.notes({"teeth_whiteness": 1.0, "hair_hue": 1.0, "eye_colour": 1.0, "blush": 1.0})
    assert len(told) == 3
    assert bare.recolour({"hair_hue": 2.0}).foreground.shape == bare.base.foreground.shape


def test_teeth_behind_closed_lips_are_reported(portrait):
    head = known_heads.random_head(np.random.default_rng(3), len(load().identity))
    photo = Photo(known_heads.drawn(load(), head), "drawn head with closed lips")
    closed = make_engine("warp").prepare(
        photo, EngineSettings(size=320, device="cpu"), lambda *_: None, lambda: False
    )
    closed.render(Coefficients.of(edits={"teeth_whiteness": 1.0}))
    assert any("no teeth" in note for note in closed.notes)


def test_the_light_of_a_drawn_head_is_found():
    model, rng = load(), np.random.default_rng(4)
    head = known_heads.random_head(rng, len(model.identity))
    photo = Photo(known_heads.drawn(model, head), "drawn head")
    found = fit_photo(photo, EngineSettings(), lambda *_: None)
    assert np.degrees(np.arccos(found.light.direction @ head.light)) < 15.0


def test_a_clip_with_keyed_edits_renders_them(portrait, tmp_path: Path):
    values = np.array([[0.0], [2.0]], np.float32)
    still = (
        np.zeros((2, 52), np.float32),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 3), np.float32),
    )
    clip = motion_clip.MotionClip(25.0, *still, edits=values, edit_names=("skin_tone",))
    motion_clip.save(clip, tmp_path / "clip.npz")
    draw = frame_drawer(portrait, motion_clip.load(tmp_path / "clip.npz"))
    first, second = draw(0, None).copy(), draw(1, None).copy()
    assert np.array_equal(first[..., :3], frame(portrait))
    assert second.mean() > first.mean() + 0.5


def test_a_clip_with_an_edit_of_a_newer_version_is_reported_before_it_renders(portrait):
    values = np.zeros((1, 1), np.float32)
    still = (
        np.zeros((1, 52), np.float32),
        np.zeros((1, 3), np.float32),
        np.zeros((1, 3), np.float32),
    )
    clip = motion_clip.MotionClip(25.0, *still, edits=values, edit_names=("freckles",))
    with pytest.raises(BadInput, match="freckles"):
        frame_drawer(portrait, clip)


def test_a_fringe_is_hair_and_the_forehead_under_it_is_not(portrait):
    hair = portrait.editor.colours.base.mask("hair")
    points = portrait.landmarks(Coefficients.zero())[:, :2]
    unit = float(np.linalg.norm(points[33] - points[263]))
    brows = points[[105, 334]].mean(axis=0)
    up = (points[10] - points[152]) / np.linalg.norm(points[10] - points[152])

    def share(height: float) -> float:
        x, y = np.rint(brows + height * unit * up).astype(int)
        return float(hair[y - 3 : y + 4, x - 3 : x + 4].mean()) / 255.0

    assert share(0.0) < 0.1 and share(0.3) > 0.8 and share(0.75) > 0.8


def test_the_far_side_is_lit_where_it_is_and_not_where_its_skin_comes_from(portrait):
    x = np.linspace(-0.9, 0.9, 21, dtype=np.float32)
    normals = np.stack([x, np.zeros_like(x), np.sqrt(1.0 - x * x)], axis=-1)[None]
    lit = portrait.editor.colours.base.heads[0].light
    head = LitHead(lit, np.repeat(normals, 4, axis=0), np.ones((4, 21), np.float32))
    turned = {"light_direction_yaw": 70.0, "light_amount": 1.0}
    here, twin = head.change(turned), head.mirrored(np.eye(3)).change(turned)
    assert here[0, -1] > 1.1 * here[0, 0]
    assert np.allclose(twin[:, 10], here[:, 10], atol=0.02)
    assert twin[0, 0] > 1.1 * twin[0, -1]


def test_more_light_does_not_burn_skin_out(portrait):
    skin = portrait.editor.colours.base.mask("complexion") > 230
    before, after = (frame(portrait, **edits)[skin] for edits in ({}, {"light_amount": 1.5}))
    assert after.mean() > before.mean() + 8.0
    burnt = [float((colours > 252).all(axis=1).mean()) for colours in (before, after)]
    assert burnt[1] < burnt[0] + 0.01


def test_a_soft_edge_that_shows_the_wall_takes_no_light():
    wall = np.full((1, 4, 3), 210, np.uint8)
    person = np.zeros((1, 4, 4), np.uint8)
    for x, (colour, alpha) in enumerate([(210, 0.7), (120, 0.7), (210, 1.0), (120, 0.2)]):
        person[0, x] = (*[round(colour * alpha)] * 3, round(255 * alpha))
    share = light_share(person, wall, 0)[0]
    assert share[0] == 0 and share[1] > 120 and share[2] == 255 and share[3] == 0


def test_the_page_of_edits_shows_every_edit():
    page = (Path(__file__).resolve().parents[2] / "docs" / "EDITS.md").read_text("utf-8")
    for edit in EDITS:
        assert edit.raw or f"| `{edit.name}` | {edit.meaning} |" in page, edit.name
