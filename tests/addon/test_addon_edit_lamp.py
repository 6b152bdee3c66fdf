# SPDX-License-Identifier: GPL-3.0-or-later
"""A lamp of the scene drives the light: directions as the contract has them, heads that turn."""

from math import radians

import pytest

from tests.addon.test_addon_edit import at_frame

YAW, PITCH, AMOUNT = "light_direction_yaw", "light_direction_pitch", "light_amount"


@pytest.fixture
def lamp(blender):
    light = blender.data.objects.new("Key", blender.data.lights.new("Key", "POINT"))
    light.data.energy = 100.0
    blender.context.scene.collection.objects.link(light)
    return light


def head(portrait):
    """Return where the middle of the head bone is in the world."""
    bone = portrait.armature.data.bones[portrait.head_bone]
    return portrait.armature.matrix_world @ ((bone.head_local + bone.tail_local) / 2)


def put(blender, portrait, lamp, x, y, z):
    """Put the lamp where image right, up and toward the viewer say; the rig faces -Y."""
    from mathutils import Vector

    lamp.location = head(portrait) + Vector((x, -z, y))
    return light(blender, portrait)


def light(blender, portrait):
    found = at_frame(blender, portrait, blender.context.scene.frame_current)
    return tuple(round(found.get(name, 0.0), 2) for name in (YAW, PITCH, AMOUNT))


def test_the_light_comes_from_where_the_lamp_is(blender, rigged, lamp):
    rigged.edits.lamp = lamp
    assert blender.ops.heat.edit_drive_light() == {"FINISHED"}
    assert put(blender, rigged, lamp, 0, 0, 2) == (0, 0, 0)
    assert at_frame(blender, rigged, 1) == {}
    assert put(blender, rigged, lamp, 2, 0, 2) == (45, 0, 0)  # from image right
    assert put(blender, rigged, lamp, -2, 0, 2) == (-45, 0, 0)
    assert put(blender, rigged, lamp, 0, -2, 2) == (0, 45, 0)  # from below: + is down
    assert put(blender, rigged, lamp, 0, 2, 2) == (0, -45, 0)
    assert put(blender, rigged, lamp, 2, 0, -2) == (90, 0, 0)  # held at the edit's range


@pytest.mark.parametrize("kind", ["POINT", "SUN"])
def test_drivers_need_no_leave_to_run_python_and_not_themselves(blender, rigged, lamp, kind, capfd):
    lamp.data.type = kind
    blender.ops.heat.edit_drive_light(lamp="Key")
    drivers = blender.context.scene.animation_data.drivers
    assert len(drivers) == 3
    assert all(curve.driver.is_simple_expression for curve in drivers)
    blender.context.view_layer.update()
    assert "cycle" not in "".join(capfd.readouterr())


def test_directions_agree_with_the_rotation_of_the_contract(blender, rigged, lamp):
    import numpy as np

    from blender_addon import bridge

    blender.ops.heat.edit_drive_light(lamp="Key")
    for place in ((1.0, 0.7, 1.5), (-0.4, -1.0, 0.8), (0.9, 0.2, 2.0)):
        yaw, pitch, _ = put(blender, rigged, lamp, *place)
        turned = bridge.pose.rotation_matrix((radians(pitch), radians(yaw), 0.0)) @ (0, 0, 1)
        assert np.allclose(turned, np.array(place) / np.linalg.norm(place), atol=2e-3)


def test_a_sun_counts_by_its_turn_and_not_by_its_place(blender, rigged, lamp):
    lamp.data.type = "SUN"
    lamp.location = (5.0, 5.0, 5.0)
    blender.ops.heat.edit_drive_light(lamp="Key")
    lamp.rotation_euler = (radians(90), 0.0, 0.0)  # shines along +Y, into the face
    assert light(blender, rigged) == (0, 0, 0)
    lamp.rotation_euler = (radians(90), 0.0, radians(30))
    assert light(blender, rigged) == (30, 0, 0)
    lamp.rotation_euler = (radians(60), 0.0, 0.0)  # from above
    assert light(blender, rigged) == (0, -30, 0)


def test_the_light_stays_with_the_lamp_when_the_head_turns(blender, rigged, lamp):
    from mathutils import Matrix
    from rig_scenes import turn_bone

    blender.ops.heat.edit_drive_light(lamp="Key")
    put(blender, rigged, lamp, 0, 0, 2)
    # The character's nose to image right: a lamp in front of the picture is at its image left.
    turn_bone(rigged.armature, rigged.head_bone, Matrix.Rotation(radians(20), 3, "Z"))
    yaw, pitch, _ = light(blender, rigged)
    assert yaw == pytest.approx(-20, abs=1.5) and pitch == pytest.approx(0, abs=1.5)


@pytest.mark.parametrize("turned", [0, 90, 180])
def test_a_rig_that_stands_otherwise_is_followed(blender, rigged, lamp, turned):
    from mathutils import Matrix, Vector

    world = Matrix.Rotation(radians(turned), 4, "Z") @ Matrix.Scale(2.5, 4)
    rigged.armature.matrix_world = Matrix.Translation((1, 2, 3)) @ world
    blender.context.view_layer.update()
    blender.ops.heat.edit_drive_light(lamp="Key")
    offset = Matrix.Rotation(radians(turned), 3, "Z") @ Vector((2, -2, 0))
    lamp.location = head(rigged) + offset
    assert light(blender, rigged) == (45, 0, 0)


def test_energy_drives_the_amount(blender, rigged, lamp):
    blender.ops.heat.edit_drive_light(lamp="Key")
    put(blender, rigged, lamp, 0, 0, 2)
    lamp.data.energy = 150.0
    assert light(blender, rigged) == (0, 0, 0.5)
    lamp.data.energy = 0.0
    assert light(blender, rigged) == (0, 0, -1)
    blender.ops.heat.edit_drive_light(lamp="Key", use_energy=False)
    lamp.data.energy = 500.0
    assert light(blender, rigged)[2] == -1.0  # as it was left, and keyed by nobody


def test_the_photos_own_light_may_come_from_where_the_lamp_is(blender, rigged, lamp):
    put(blender, rigged, lamp, 2, 0, 2)
    blender.ops.heat.edit_drive_light(lamp="Key", from_here=True)
    assert light(blender, rigged) == (0, 0, 0)
    assert rigged.edits.photo_light_yaw == pytest.approx(45, abs=1e-3)
    assert put(blender, rigged, lamp, 0, 0, 2) == (-45, 0, 0)
    rigged.edits.photo_light_yaw, rigged.edits.photo_light_pitch = 10.0, -20.0
    assert light(blender, rigged) == (-10, 20, 0)


def test_release_leaves_the_light_and_no_trace(blender, rigged, lamp):
    before = len(blender.data.objects)
    blender.ops.heat.edit_drive_light(lamp="Key")
    blender.ops.heat.edit_drive_light(lamp="Key")
    assert len(blender.data.objects) == before + 2
    put(blender, rigged, lamp, 2, 0, 2)
    blender.ops.heat.edit_release_light()
    assert light(blender, rigged) == (45, 0, 0)
    assert put(blender, rigged, lamp, 0, 0, 2) == (45, 0, 0)
    assert len(blender.data.objects) == before


def test_a_removed_portrait_takes_its_helpers_along(blender, rigged, lamp):
    before = len(blender.data.objects)
    blender.ops.heat.edit_drive_light(lamp="Key")
    blender.ops.heat.portrait_remove()
    assert len(blender.data.objects) == before
    assert not blender.context.scene.animation_data.drivers


def test_what_is_missing_is_reported(blender, rigged, portrait, lamp):
    with pytest.raises(RuntimeError, match="Pick a lamp"):
        blender.ops.heat.edit_drive_light(portrait=rigged.name)
    with pytest.raises(RuntimeError, match="no lamp"):
        blender.ops.heat.edit_drive_light(lamp="none")
    rigged.mesh = rigged.armature = None
    with pytest.raises(RuntimeError, match="Pick a face mesh"):
        blender.ops.heat.edit_drive_light(portrait=rigged.name, lamp="Key")


def test_a_mesh_alone_will_do(blender, portrait, lamp):
    lamp.location = (0.5, -3.0, 0.5)
    blender.ops.heat.edit_drive_light(lamp="Key")
    assert light(blender, portrait) == (0, 0, 0)
    lamp.location = (3.5, -3.0, 0.5)
    assert light(blender, portrait) == (45, 0, 0)
