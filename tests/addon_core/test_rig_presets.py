# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of shape keys and bones as the rigs of the world write them."""

import re

import pytest

import bridge
from blender_addon.core.rig import presets
from blender_addon.core.rig.head_bone import find_head_bone
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES


def _sided(pattern):
    def spell(name):
        found = re.fullmatch(r"(.*)(Left|Right)", name)
        if not found or not found[1]:
            return name
        stem, side = found[1], found[2]
        return pattern.format(stem=stem, Stem=stem[0].upper() + stem[1:], side=side, s=side[0])

    return spell


SPELLINGS = {
    "camel": lambda n: n,
    "lower": str.lower,
    "upper": str.upper,
    "snake": lambda n: re.sub("([A-Z])", r"_\1", n).lower(),
    "_L": _sided("{stem}_{s}"),
    ".L": _sided("{stem}.{s}"),
    "L without separator": _sided("{stem}{s}"),
    "side first": _sided("{side}{Stem}"),
    "side first, underscore": _sided("{s}_{stem}"),
    "spaces": lambda n: re.sub("([A-Z])", r" \1", n).title(),
    "mesh prefix": lambda n: f"Face.M.F00.{n}",
    "copied": lambda n: f"{n}.001",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_arkit_in_all_spellings(spelling):
    names = {SPELLINGS[spelling](n): n for n in EXPRESSION_NAMES}
    preset, matches = presets.best_preset(names)
    assert preset.name == "arkit"
    assert {k: dict(m.targets) for k, m in matches.items()} == {
        k: {n: 1.0} for k, n in names.items()
    }
    assert min(m.confidence for m in matches.values()) >= 0.9


@pytest.mark.parametrize(
    ("preset", "names", "expected"),
    [
        ("ict_facekit", ["browInnerUp_L", "browInnerUp_R"], {"browInnerUp": 1.0}),
        ("ict_facekit", ["cheekPuff_L"], {"cheekPuff": 0.5}),
        ("facs", ["AU1"], {"browInnerUp": 1.0}),
        ("facs", ["AU02_L"], {"browOuterUpLeft": 1.0}),
        ("facs", ["au4.R"], {"browDownRight": 1.0}),
        ("facs", ["AU4 Brow Lowerer L"], {"browDownLeft": 1.0}),
        ("facs", ["AU12"], {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
        ("facs", ["L_AU45"], {"eyeBlinkLeft": 1.0}),
        ("vrm", ["Blink"], {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("vrm", ["Blink_L"], {"eyeBlinkLeft": 1.0}),
        ("vrm", ["blinkRight"], {"eyeBlinkRight": 1.0}),
        ("vrm", ["lookLeft"], {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}),
        ("vrm", ["LOOKUP"], {"eyeLookUpLeft": 1.0, "eyeLookUpRight": 1.0}),
        ("vroid", ["Fcl_EYE_Close"], {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("vroid", ["Face.M_F00_000_00_Fcl_EYE_Close_L"], {"eyeBlinkLeft": 1.0}),
        ("metahuman", ["CTRL_expressions_eyeBlinkL"], {"eyeBlinkLeft": 1.0}),
        ("metahuman", ["CTRL_expressions_eyeLookLeftR"], {"eyeLookInRight": 1.0}),
        ("metahuman", ["ctrl_expressions_mouthLeft"], {"mouthLeft": 1.0}),
        (
            "metahuman",
            [f"CTRL_expressions_mouthFunnel{q}" for q in ("UL", "UR", "DL", "DR")],
            {"mouthFunnel": 1.0},
        ),
        ("character_creator", ["Eye_L_Look_R"], {"eyeLookInLeft": 1.0}),
        ("character_creator", ["Mouth_Pucker_Up_L"], {"mouthPucker": 0.25}),
        ("character_creator", ["Jaw_L"], {"jawLeft": 1.0}),
        ("daz", ["facs_bs_MouthSmileLeft_div2"], {"mouthSmileLeft": 1.0}),
        ("ready_player_me", ["eyesClosed"], {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
        ("mmd", ["まばたき"], {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ],
)
def test_known_names(preset, names, expected):
    matches = presets.match_names(names, presets.load_preset(preset))
    total = {}
    for name in names:
        for target, scale in matches[name].targets.items():
            total[target] = total.get(target, 0.0) + scale
    assert total == pytest.approx(expected)


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["browInnerUp_L", "browInnerUp_R", "cheekRaiser_L", "eyeBlink_L"], "ict_facekit"),
        (["AU1", "AU2", "AU12", "AU26"], "facs"),
        (["A", "I", "U", "E", "O", "Blink", "Joy"], "vrm"),
        (["aa", "ih", "ou", "ee", "oh", "happy", "blinkLeft"], "vrm"),
        (["Fcl_MTH_A", "Fcl_ALL_Joy", "Fcl_EYE_Close_L"], "vroid"),
        (["CTRL_expressions_browRaiseInL", "CTRL_expressions_mouthCornerPullL"], "metahuman"),
        (["viseme_aa", "viseme_PP", "viseme_sil"], "visemes"),
        ([*EXPRESSION_NAMES, "viseme_aa", "mouthOpen"], "ready_player_me"),
        (["Mouth_Smile_L", "Brow_Drop_R", "V_Open", "Eye_Blink_L"], "character_creator"),
    ],
)
def test_best_preset(names, best):
    assert presets.best_preset(names)[0].name == best


def test_visemes_open_and_round_the_mouth():
    visemes = presets.load_preset("visemes")
    targets = presets.match_names(["viseme_aa", "viseme_U", "viseme_PP"], visemes)
    assert targets["viseme_aa"].targets["jawOpen"] > 0.4
    assert targets["viseme_U"].targets["mouthPucker"] > 0.5
    assert "jawOpen" not in targets["viseme_PP"].targets


def test_unknown_names_match_nothing():
    preset, matches = presets.best_preset(["Key 1", "fat_belly", "muscle", "arm_L", "left"])
    assert preset is None
    assert matches == {}


def test_every_shipped_preset_names_real_expressions():
    assert len(presets.all_presets()) >= 8
    for preset in presets.all_presets():
        assert preset.keys
        for targets in preset.keys.values():
            assert set(targets) <= set(EXPRESSION_INDEX)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "JSON"),
        ('{"format": "x"}', "format"),
        ('{"format": "heat-naming-preset", "version": 9}', "version"),
        ('{"format": "heat-naming-preset", "version": 1}', "keys"),
        ('{"format": "heat-naming-preset", "version": 1, "keys": {"a": "nope"}}', "keys.a"),
    ],
)
def test_broken_preset_names_its_field(text, field):
    with pytest.raises(bridge.errors.BadInput, match=field):
        presets.parse_preset("mine", text)


def test_unknown_preset_lists_the_known():
    with pytest.raises(bridge.errors.BadInput, match="arkit"):
        presets.load_preset("nonesuch")


@pytest.mark.parametrize(
    ("bones", "head"),
    [
        (["spine", "ORG-spine.006", "DEF-spine.006", "head"], "DEF-spine.006"),
        (["spine", "spine.005", "spine.006"], "spine.006"),
        (
            ["mixamorig:Hips", "mixamorig:Neck", "mixamorig:Head", "mixamorig:HeadTop_End"],
            "mixamorig:Head",
        ),
        (["mixamorig7:HeadTop_End", "mixamorig7:Head"], "mixamorig7:Head"),
        (["root", "pelvis", "neck_01", "head"], "head"),
        (["CC_Base_NeckTwist01", "CC_Base_Head", "CC_Base_FacialBone"], "CC_Base_Head"),
        (["J_Bip_C_Neck", "J_Bip_C_Head", "J_Sec_Hair1"], "J_Bip_C_Head"),
        (["c_head.x", "head.x", "head_ref.x"], "head.x"),
        (["Bip01 HeadNub", "Bip01 Head"], "Bip01 Head"),
        (["首", "頭"], "頭"),
        (["my_HEAD_end", "Robot_Head_Jnt"], "Robot_Head_Jnt"),
        (["Bone", "arm.L"], ""),
        ([], ""),
    ],
)
def test_head_bone(bones, head):
    assert find_head_bone(bones) == head
