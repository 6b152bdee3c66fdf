# SPDX-License-Identifier: GPL-3.0-or-later
"""Corrections of the fit on the face model itself: lips that meet, lids that close, switches."""

import dataclasses

import numpy as np

from bridge import face_model
from bridge.coefficients import EXPRESSION_INDEX
from heat_backend.fit.corrections import ALL_CORRECTIONS
from heat_backend.fit.eyelids import close_exactly
from heat_backend.fit.lip_contact import close_lips, lip_gap, lips_apart, seal_lips
from heat_backend.fit.posed_model import spend_expression

MODEL = face_model.load()
NEUTRAL = MODEL.vertices.astype(np.float64)


def opened(jaw: float) -> np.ndarray:
    return NEUTRAL + jaw * MODEL.expression[EXPRESSION_INDEX["jawOpen"]]


def test_closing_by_the_gap_lets_the_lips_meet() -> None:
    head = opened(0.3)
    gap = lips_apart(MODEL, head)
    assert gap.max() > 0.05
    assert lip_gap(MODEL, head + close_lips(MODEL, head, gap)).max() < 0.25 * gap.max()


def test_sealed_shapes_part_the_lips_no_further() -> None:
    expression = MODEL.expression.astype(np.float32).copy()
    k = EXPRESSION_INDEX["mouthSmileLeft"]
    lower = MODEL.lip_inner[MODEL.lip_upper_count :]
    expression[k, lower, 1] -= 0.05  # a smile that would open this mouth
    before = lip_gap(MODEL, NEUTRAL + expression[k]).max()
    seal_lips(MODEL, NEUTRAL, expression, np.eye(3))
    after = lip_gap(MODEL, NEUTRAL + expression[k]).max()
    assert before > 0.03 and after < 0.35 * before


def test_a_blink_closes_a_wide_eye() -> None:
    rest = NEUTRAL.copy()
    upper = MODEL.lid_left[: MODEL.lid_upper_count]
    rest[upper[1:-1], 1] += 0.04  # opened wider than the model's
    deltas = np.zeros((53, *MODEL.vertices.shape), np.float32)
    deltas[:52] = MODEL.expression
    skin = np.flatnonzero(MODEL.vertex_part == face_model.PART_NAMES.index("face"))
    close_exactly(rest, deltas, MODEL.lid_left, MODEL.lid_upper_count, skin, "eyeBlinkLeft")
    shut = rest + deltas[EXPRESSION_INDEX["eyeBlinkLeft"]]
    lower = MODEL.lid_left[MODEL.lid_upper_count :]
    order = np.argsort(shut[lower, 0])
    floor = np.interp(shut[upper[2:-2], 0], shut[lower, 0][order], shut[lower, 1][order])
    assert (shut[upper[2:-2], 1] - floor).max() < 0.01


def test_a_smile_of_the_photo_is_half_spent() -> None:
    expression = np.ones((52, 4, 3), np.float32)
    shown = np.zeros(52)
    shown[EXPRESSION_INDEX["mouthSmileLeft"]] = 1.0
    spend_expression(expression, shown)
    assert (expression[EXPRESSION_INDEX["mouthSmileLeft"]] == 0.5).all()
    assert (expression[EXPRESSION_INDEX["mouthSmileRight"]] == 1.0).all()


def test_all_corrections_are_on_by_default_and_each_can_be_switched_off() -> None:
    for field in dataclasses.fields(ALL_CORRECTIONS):
        assert getattr(ALL_CORRECTIONS, field.name) is True
        assert (
            getattr(dataclasses.replace(ALL_CORRECTIONS, **{field.name: False}), field.name)
            is False
        )
