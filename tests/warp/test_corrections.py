# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait can be prepared without its corrections, and looks different then."""

import dataclasses
from functools import lru_cache

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.engines.protocol import EngineSettings, Portrait
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.warp.warp_engine import WarpEngine
from tests import portraits

pytestmark = pytest.mark.slow

NONE = Corrections(**{field.name: False for field in dataclasses.fields(Corrections)})
SPEAKING = Coefficients.of(
    expression={"jawOpen": 0.5, "eyeBlinkLeft": 1.0},
    rotation=np.radians((0.0, 12.0, 0.0)),
    edits={"nose_width": 1.0},
)


def rendered(corrections: Corrections) -> np.ndarray:
    photo = portraits.photo()
    engine = WarpEngine(corrections)
    portrait = engine.prepare(photo, EngineSettings(size=192), lambda *_: None, lambda: False)
    return portrait.render(SPEAKING).astype(int)


def test_a_portrait_without_corrections_differs() -> None:
    corrected, plain = rendered(ALL_CORRECTIONS), rendered(NONE)
    assert corrected.shape == plain.shape
    assert (plain[..., 3] == 255).all()
    assert np.abs(corrected - plain).max() > 40


# These render and track many frames, the same for whatever other correction is switched off.
QUICK = dataclasses.replace(
    ALL_CORRECTIONS, expression_gains=False, turn_response=False, edit_directions=False
)
SHOWN = Coefficients.of(
    expression={
        "jawOpen": 0.6,
        "mouthSmileLeft": 0.6,
        "mouthPucker": 0.3,
        "browDownLeft": 1.0,
        "eyeBlinkLeft": 0.8,
        "eyeLookOutRight": 0.8,
        "eyeLookDownRight": 0.6,
    },
    rotation=(0.2, -0.45, 0.0),
)
OF_THE_ASTRONAUT = (
    "lip_edges",
    "sealed_lips",
    "weak_shapes",
    "gaze_lids",
    "spent_expression",
    "personal_blink",
)
OF_OTHER_PICTURES = ("stylised_eyes", "misread_chin")


EDITED = Coefficients.of(edits={"nose_width": 1.5, "jaw_width": 1.5, "cheek_fullness": 1.5})


@lru_cache
def prepared(corrections: Corrections) -> Portrait:
    settings = EngineSettings(size=192, device="cpu")
    engine = WarpEngine(corrections)
    return engine.prepare(portraits.photo(), settings, lambda *_: None, lambda: False)


def differ(one: Corrections, other: Corrections, asked: Coefficients) -> bool:
    first = prepared(one).render(asked).copy()
    return bool((first != prepared(other).render(asked)).any())


@pytest.mark.parametrize("name", OF_THE_ASTRONAUT + OF_OTHER_PICTURES)
def test_one_switched_off_changes_the_pictures_that_it_is_for(name: str) -> None:
    changed = differ(dataclasses.replace(QUICK, **{name: False}), QUICK, SHOWN)
    assert changed == (name in OF_THE_ASTRONAUT)


@pytest.mark.parametrize(
    ("name", "asked", "other"),
    [
        ("expression_gains", SHOWN, EDITED),
        ("turn_response", SHOWN, EDITED),
        ("edit_directions", EDITED, SHOWN),
    ],
)
def test_one_that_tracks_frames_changes_what_it_is_for_and_nothing_else(
    name: str, asked: Coefficients, other: Coefficients
) -> None:
    alone = dataclasses.replace(QUICK, **{name: True})
    assert differ(alone, QUICK, asked)
    assert not differ(alone, QUICK, other)


def test_grazing_skin_changes_edited_faces_alone() -> None:
    without = dataclasses.replace(QUICK, grazing_skin=False)
    assert differ(without, QUICK, EDITED)
    assert not differ(without, QUICK, SHOWN)
