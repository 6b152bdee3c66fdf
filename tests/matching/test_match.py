# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait is made like sample pictures of which it is known what they show."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from heat_backend.edits.photo_fit import PhotoFit, fit_photo
from heat_backend.engines.protocol import EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.matching.light import match_light
from heat_backend.matching.match import EXPRESSION, LIGHT, POSE, SKIN_TONE, Matched, match
from heat_backend.matching.skin import is_grey, match_skin, skin_colour
from heat_backend.media.photo import Photo
from heat_backend.warp.portrait import WarpPortrait
from tests import portraits

pytestmark = pytest.mark.slow

SETTINGS = EngineSettings(size=384, device="cpu")


def fitted(pixels: np.ndarray) -> PhotoFit:
    photo = Photo(np.ascontiguousarray(pixels), "test photo")
    return fit_photo(photo, SETTINGS, lambda *_: None)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

    return data.astronaut()


@pytest.fixture(scope="module")
def own(pixels) -> PhotoFit:
    return fitted(pixels)


@pytest.fixture(scope="module")
def portrait() -> WarpPortrait:
    return portraits.warp_portrait(size=384)


def like(own: PhotoFit, portrait: WarpPortrait, *takes: str, **shown: object) -> Matched:
    """Match the portrait to a frame of its own that shows something known."""
    frame = portrait.render(Coefficients.of(**shown))[..., :3]  # type: ignore[arg-type]
    return match(own, fitted(frame.copy()), takes, "frame.png")


def test_the_portrait_itself_asks_for_nothing(own):
    found = match(own, own, (EXPRESSION, POSE, LIGHT, SKIN_TONE), "same.png")
    assert found.edits == {}
    assert not found.clip.expression.any()
    assert np.abs(found.clip.rotation).max() < 1e-6


def test_known_steps_of_skin_come_back(own, portrait):
    asked = {"skin_tone": -1.5, "skin_warmth": 1.2}
    found = like(own, portrait, SKIN_TONE, edits=asked).edits
    for name, value in asked.items():
        assert found[name] == pytest.approx(value, abs=0.3)
    assert abs(found.get("blush", 0.0)) < 0.4


def test_known_light_comes_back(own, portrait):
    asked = {"light_direction_yaw": 60.0, "light_amount": 0.8}
    found = like(own, portrait, LIGHT, edits=asked)
    seen = own.normals[own.near_head > 0.9]
    wanted, got = (
        own.light.changed(seen, edits) / own.light.changed(seen, edits).mean()
        for edits in (asked, found.edits)
    )
    plain = own.light.shade(seen) / own.light.shade(seen).mean()
    assert np.abs(got - wanted).mean() < 0.4 * np.abs(plain - wanted).mean()


def test_a_light_that_edits_cannot_make_is_met_as_far_as_they_reach_and_reported(own):
    harsh = replace(own.light, coefficients=own.light.coefficients * 0.0)
    harsh.coefficients[0], harsh.coefficients[6], harsh.coefficients[4] = 0.3, 0.3, -0.3
    harsh = replace(harsh, level=0.3)
    found = match_light(own.light, own.normals, own.near_head, harsh)
    assert 0.05 < found.after <= found.before


@pytest.fixture(scope="module")
def at_rest(pixels) -> tuple[PhotoFit, WarpPortrait]:
    """The portrait with its smile relaxed: room for expressions to be known."""
    photo = Photo(np.ascontiguousarray(pixels), "test photo")
    relaxed = replace(SETTINGS, neutralise=True)
    drawn = make_engine("warp").prepare(photo, relaxed, lambda *_: None, lambda: False)
    return fitted(drawn.render(Coefficients.zero())[..., :3].copy()), drawn


@pytest.mark.parametrize(
    ("asked", "off", "else_seen"),
    [
        # The landmark network carries the lower lip along with the jaw: .56 of mouthLowerDown.
        ({"jawOpen": 0.6}, 0.35, 0.6),
        ({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}, 0.35, 0.35),
        # Its lids never meet: shut eyes read .59.
        ({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, 0.45, 0.35),
        ({"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7}, 0.35, 0.35),
    ],
)
def test_known_expressions_come_back_and_little_else(at_rest, asked, off, else_seen):
    found = like(*at_rest, EXPRESSION, expression=asked).clip.expression[0]
    index = [EXPRESSION_INDEX[name] for name in asked]
    np.testing.assert_allclose(found[index], list(asked.values()), atol=off)
    assert np.abs(np.delete(found, index)).max() < else_seen


def test_a_turned_head_comes_back(own, portrait):
    found = like(own, portrait, POSE, rotation=(0.0, 0.2, 0.1)).clip.rotation[0]
    assert found[1] == pytest.approx(0.2, abs=0.08)
    assert found[2] == pytest.approx(0.1, abs=0.04)


def test_a_monochrome_sample_gives_lightness_alone_and_is_reported(own):
    grey = np.repeat(own.pixels.mean(axis=2, keepdims=True), 3, axis=2)
    toned = np.clip(grey * (1.0, 0.85, 0.65), 0, 255).astype(np.uint8)
    assert is_grey(grey.astype(np.uint8))
    assert is_grey(toned)
    assert not is_grey(own.pixels)
    found = match_skin(skin_colour(own), replace(skin_colour(own), grey=True))
    assert "monochrome" in found.notes[0]
    assert not {"skin_warmth", "blush"} & set(found.edits)


def test_skin_beyond_the_edits_reach_is_reported(own):
    here = skin_colour(own)
    dark = replace(here, lab=here.lab - (40.0, 0.0, 0.0))
    found = match_skin(here, dark)
    assert found.edits["skin_tone"] == -3.0
    assert found.after == pytest.approx(25.0, abs=1.0)
