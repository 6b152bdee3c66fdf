# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map: what rows do, what happens to keys that are gone, and its file."""

import json

import numpy as np
import pytest

import bridge
from blender_addon.core.rig.rig_map import (
    BoneRow,
    HeadPose,
    KeyRow,
    RigMap,
    dead_rows,
    default_bone_rows,
    evaluate,
)
from bridge.coefficients import EXPRESSION_INDEX

REST = HeadPose()


def _expression(rows, values):
    result = evaluate(RigMap(tuple(rows)), values, REST).expression
    return {n: pytest.approx(float(result[i])) for n, i in EXPRESSION_INDEX.items() if result[i]}


def test_an_empty_map_at_rest_gives_the_photo_back():
    assert evaluate(RigMap(), {}, REST).is_zero()
    assert evaluate(RigMap(bones=default_bone_rows()), {"a": 1.0}, REST).is_zero()


def test_scale_and_offset():
    assert _expression([KeyRow("k", "jawOpen", 0.5, 0.1)], {"k": 0.6}) == {"jawOpen": 0.4}


def test_several_keys_add_up_in_one_expression():
    rows = [KeyRow("a", "browInnerUp", 0.5), KeyRow("b", "browInnerUp", 0.5)]
    assert _expression(rows, {"a": 1.0, "b": 0.4}) == {"browInnerUp": 0.7}


def test_one_key_may_feed_two_expressions():
    rows = [KeyRow("blink", "eyeBlinkLeft"), KeyRow("blink", "eyeBlinkRight")]
    assert _expression(rows, {"blink": 0.8}) == {"eyeBlinkLeft": 0.8, "eyeBlinkRight": 0.8}


def test_muted_unmapped_and_missing_rows_do_nothing():
    rows = [
        KeyRow("a", "jawOpen", mute=True, offset=0.5),
        KeyRow("a", ""),
        KeyRow("gone", "mouthPucker", offset=0.5),
    ]
    assert _expression(rows, {"a": 1.0}) == {}


def test_bone_rows_turn_scale_shift_and_cross():
    bones = (
        BoneRow("rx", "pitch", -1.0),
        BoneRow("rz", "yaw", 2.0, 0.1),
        BoneRow("ry", "roll", mute=True),
        BoneRow("tx", "z"),
        BoneRow("tz", "z", 3.0),
    )
    made = evaluate(RigMap(bones=bones), {}, HeadPose((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)))
    assert made.rotation == pytest.approx([-0.1, 0.7, 0.0])
    assert made.translation == pytest.approx([0.0, 0.0, 0.4 + 1.8])


def test_unknown_expression_is_reported():
    with pytest.raises(bridge.errors.BadInput, match="smirk"):
        evaluate(RigMap((KeyRow("a", "smirk"),)), {"a": 1.0}, REST)


def test_dead_rows_suggest_what_a_key_was_renamed_to():
    rows = (KeyRow("JawOpen", "jawOpen"), KeyRow("Smile", "mouthSmileLeft"), KeyRow("x", "jawLeft"))
    dead = dead_rows(RigMap(rows), ["JawOpen.old", "Smile", "Jaw_Open"])
    assert [d.index for d in dead] == [0, 2]
    assert dead[0].suggestion == "Jaw_Open"
    assert '"JawOpen"' in dead[0].message
    assert '"Jaw_Open"' in dead[0].message
    assert dead[1].suggestion == ""
    assert not dead_rows(RigMap((KeyRow("x", ""), KeyRow("y", "jawOpen", mute=True))), [])


RICH = RigMap(
    (KeyRow('odd "name" ü', "jawOpen", 0.5, -0.1, True, 0.25), KeyRow("plain", "")),
    (BoneRow("rx", "pitch", 1.5, 0.2, True), BoneRow("tz", "z")),
)


def test_a_saved_map_comes_back_the_same():
    for rig_map in (RICH, RigMap()):
        assert bridge.rig_map.from_json(bridge.rig_map.to_json(rig_map)) == rig_map


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d.update(format="other"), "format"),
        (lambda d: d.update(version=2), "update the add-on"),
        (lambda d: d.update(version="1"), "version"),
        (lambda d: d.update(keys={}), "keys"),
        (lambda d: d["keys"].append(3), r"keys\[2\]"),
        (lambda d: d["keys"][0].update(expression="smirk"), r"keys\[0\].expression"),
        (lambda d: d["keys"][0].update(scale="big"), r"keys\[0\].scale"),
        (lambda d: d["keys"][1].update(offset=float("nan")), r"keys\[1\].offset"),
        (lambda d: d["keys"][1].pop("shape_key"), r"keys\[1\].shape_key"),
        (lambda d: d["keys"][1].update(mute=1), r"keys\[1\].mute"),
        (lambda d: d["bones"][0].update(axis_source="rw"), r"bones\[0\].axis_source"),
        (lambda d: d["bones"][1].update(target="up"), r"bones\[1\].target"),
    ],
)
def test_a_bad_file_names_its_field(change, field):
    data = json.loads(bridge.rig_map.to_json(RICH))
    change(data)
    with pytest.raises(bridge.errors.BadInput, match=field):
        bridge.rig_map.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[1]", '{"format": "heat-rig-map", "vers', "null"])
def test_no_map_at_all(text):
    with pytest.raises(bridge.errors.BadInput, match="rig map"):
        bridge.rig_map.from_json(text)


def test_expression_order_is_the_contracts():
    made = evaluate(RigMap((KeyRow("k", "tongueOut"),)), {"k": 1.0}, REST)
    assert np.flatnonzero(made.expression).tolist() == [51]
