# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a character faces, told from the rest positions of its bones."""

import numpy as np
import pytest

from blender_addon.core.rig.head_bone import FACINGS, axes_of, guess_facing

# A standing character in the contract's axes: x its left, y up, z forward.
BONES = {
    "hips": (0, 1.0, 0),
    "spine": (0, 1.2, 0),
    "head": (0, 1.6, 0.02),
    "{hand_l}": (0.7, 1.4, 0),
    "{hand_r}": (-0.7, 1.4, 0),
    "{foot_l}": (0.1, 0.1, 0.05),
    "{foot_r}": (-0.1, 0.1, 0.05),
}
NAMINGS = {
    "blender": {"hand_l": "hand.L", "hand_r": "hand.R", "foot_l": "foot.L", "foot_r": "foot.R"},
    "mixamo": {
        "hand_l": "mixamorig:LeftHand",
        "hand_r": "mixamorig:RightHand",
        "foot_l": "mixamorig:LeftFoot",
        "foot_r": "mixamorig:RightFoot",
    },
    "unreal": {"hand_l": "hand_l", "hand_r": "hand_r", "foot_l": "foot_l", "foot_r": "foot_r"},
    "vroid": {
        "hand_l": "J_Bip_L_Hand",
        "hand_r": "J_Bip_R_Hand",
        "foot_l": "J_Bip_L_Foot",
        "foot_r": "J_Bip_R_Foot",
    },
    "biped": {
        "hand_l": "Bip001 L Hand",
        "hand_r": "Bip001 R Hand",
        "foot_l": "Bip001 L Foot",
        "foot_r": "Bip001 R Foot",
    },
}


@pytest.mark.parametrize("facing", FACINGS)
@pytest.mark.parametrize("naming", NAMINGS)
def test_paired_bones_tell_the_facing(facing, naming):
    names = [name.format(**NAMINGS[naming]) for name in BONES]
    heads = np.array(list(BONES.values())) @ axes_of(facing) * 37.0 + [5.0, -3.0, 11.0]
    assert guess_facing(names, heads, "head") == facing


@pytest.mark.parametrize(
    ("names", "heads"),
    [
        (["neck", "head"], [(0, 0, 0), (0, -1, 0)]),
        (["head"], [(0, 0, 0)]),
        (["eye.L", "eye.R"], [(1, 0, 0), (-1, 0, 0)]),
        (["head", "a.L", "b.R"], [(0, 0, 1), (1, 0, 0), (-1, 0, 0)]),
    ],
)
def test_without_enough_bones_blenders_habit_counts(names, heads):
    assert guess_facing(names, heads, "head") == "NEG_Y"


@pytest.mark.parametrize("facing", FACINGS)
def test_axes_are_right_handed_rotations(facing):
    axes = axes_of(facing)
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.linalg.det(axes) == pytest.approx(1.0)
    assert (axes @ FACINGS[facing][0]).tolist() == [0, 0, 1]
