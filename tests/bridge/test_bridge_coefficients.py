# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from bridge import packing
from bridge.coefficients import (
    EXPRESSION_INDEX,
    EXPRESSION_NAMES,
    Coefficients,
    checked,
    clamped,
)
from bridge.errors import BadInput, ProtocolError


def test_the_names_are_arkits_52_in_order():
    assert len(EXPRESSION_NAMES) == 52 == len(set(EXPRESSION_NAMES))
    assert EXPRESSION_NAMES[0] == "browDownLeft"
    assert EXPRESSION_NAMES[-1] == "tongueOut"
    assert EXPRESSION_NAMES[EXPRESSION_INDEX["jawOpen"]] == "jawOpen"


def test_names_left_out_are_zero_and_zero_is_the_photo():
    assert Coefficients.zero().is_zero()
    assert Coefficients.of().is_zero()
    some = Coefficients.of({"jawOpen": 0.5})
    assert some.expression[EXPRESSION_INDEX["jawOpen"]] == 0.5
    assert np.count_nonzero(some.expression) == 1
    assert not some.is_zero()
    assert not Coefficients.of(edits={"age": 0.1}).is_zero()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"expression": {"jawOpen": float("nan")}}, "jawOpen"),
        ({"expression": {"jawOpne": 0.5}}, "jawOpne"),
        ({"expression": np.zeros(51)}, "expression"),
        ({"expression": np.full(52, np.inf)}, "browDownLeft"),
        ({"expression": ["x"] * 52}, "expression"),
        ({"rotation": (0, float("nan"), 0)}, "rotation"),
        ({"rotation": (0, 0)}, "rotation"),
        ({"translation": (1e300, 0, 0)}, "translation"),
        ({"translation": None}, "translation"),
        ({"edits": {"age": float("inf")}}, "age"),
        ({"edits": {"": 1.0}}, "edits"),
        ({"edits": {"x" * 65: 1.0}}, "edits"),
        ({"edits": {str(i): 0.0 for i in range(257)}}, "edits"),
    ],
)
def test_unusable_values_are_refused_by_the_name_of_their_field(arguments, field):
    with pytest.raises(BadInput, match=field):
        checked(**arguments)


def test_values_beyond_the_range_are_clamped_and_reported():
    wild = Coefficients.of({"jawOpen": 7.0, "mouthLeft": -3.0, "cheekPuff": 1.2}, (0.1, 0, 0))
    tame, changed = clamped(wild)
    assert changed
    assert tame.expression[EXPRESSION_INDEX["jawOpen"]] == 1.5
    assert tame.expression[EXPRESSION_INDEX["mouthLeft"]] == -0.5
    assert tame.expression[EXPRESSION_INDEX["cheekPuff"]] == np.float32(1.2)
    assert tame.rotation[0] == np.float32(0.1)
    same, changed = clamped(tame)
    assert same is tame
    assert not changed


def test_coefficients_do_not_follow_the_array_they_were_made_from():
    values = np.zeros(52, np.float32)
    made = checked(values)
    values[0] = 1.0
    assert made.is_zero()
    with pytest.raises(ValueError, match="read-only"):
        made.expression[0] = 1.0


def test_packing_loses_nothing():
    original = Coefficients.of({"jawOpen": 0.3}, (0.1, -0.2, 0.3), (1, 2, 3), {"age": 0.5, "ä": -1})
    names, payload = packing.pack(original)
    assert packing.unpack(names, memoryview(payload)).same_as(original)


def test_packed_bytes_must_fit_their_names():
    names, payload = packing.pack(Coefficients.of(edits={"age": 0.5}))
    with pytest.raises(ProtocolError):
        packing.unpack([], memoryview(payload))
    with pytest.raises(ProtocolError):
        packing.unpack(names, memoryview(payload[:-2]))


def around(count=27):
    return [
        Coefficients.of({"jawOpen": 0.01 * i}, (0.1 * i, 0, 0), (0, i, 0)) for i in range(count)
    ]


def test_packing_with_neighbours_loses_nothing():
    pose = Coefficients.of({"jawOpen": 0.13}, (1.3, 0, 0), (0, 13, 0), {"age": 0.5})
    names, payload = packing.pack(pose)
    payload += packing.pack_neighbours(packing.checked_neighbours(around()))
    same, beside = packing.unpack_with_neighbours(names, memoryview(payload))
    assert same.same_as(pose)
    assert len(beside) == 27
    assert all(one.same_as(other) for one, other in zip(beside, around(), strict=True))


def test_neighbours_must_be_27_whole_and_finite():
    with pytest.raises(BadInput, match="26 frames where 27"):
        packing.checked_neighbours(around(26))
    names, payload = packing.pack(Coefficients.zero())
    rows = packing.pack_neighbours(packing.checked_neighbours(around()))
    for wrong in (rows[:-4], rows + bytes(4), b""):
        with pytest.raises(ProtocolError):
            packing.unpack_with_neighbours(names, memoryview(payload + wrong))
    with pytest.raises(ProtocolError):
        packing.unpack(names, memoryview(payload + rows))
    broken = np.frombuffer(rows, "<f4").copy()
    broken[5 * 58 + 53] = np.nan
    with pytest.raises(BadInput, match="rotation"):
        packing.unpack_with_neighbours(names, memoryview(payload + broken.tobytes()))
