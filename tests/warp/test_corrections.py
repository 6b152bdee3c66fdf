# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait can be prepared without its corrections, and looks different then."""

import dataclasses

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from heat_backend.engines.protocol import EngineSettings
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
