# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's keyed edits land as keys on the portrait's; other bakes leave edits alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.addon.motion_clips import baked_strip, notes, performance, saved, strips_of
from tests.addon.test_addon_edit import at_frame, key


def edited_clip(count=60, **more):
    ramp = np.linspace(0.0, 1.0, count)
    columns = {"jaw_width": 2.0 * ramp**2, "light_direction_yaw": 60.0 * np.sin(6.0 * ramp)}
    columns |= {"blush": 0.0 * ramp} | more
    table = np.stack([np.broadcast_to(c, count) for c in columns.values()], axis=1)
    return replace(performance(count), edits=table.astype(np.float32), edit_names=tuple(columns))


def test_edits_of_a_clip_are_baked_and_one_undone_source_leaves_none(rigged, blender, tmp_path):
    clip = edited_clip()
    scene = blender.context.scene
    rigged.motion.path = saved(clip, tmp_path)
    key(rigged, "chin_length", (11, 1.0))
    assert blender.ops.heat.bake_motion() == {"FINISHED"}
    for row in (0, 17, 40, 59):
        found = at_frame(blender, rigged, 11 + row)
        assert found.get("jaw_width", 0.0) == pytest.approx(clip.edits[row, 0], abs=0.03)
        assert found.get("light_direction_yaw", 0.0) == pytest.approx(clip.edits[row, 1], abs=0.9)
        assert found["chin_length"] == 1.0 and "blush" not in found
    strip = baked_strip(scene, "take one: Portrait")
    assert (strip.frame_start, strip.frame_end) == (11.0, 70.0)
    rigged.motion.path = saved(replace(clip, edits=None, edit_names=()), tmp_path)
    blender.ops.heat.bake_motion()
    assert [s.name for s in strips_of(scene) if s.name.startswith("take one")] == []
    assert at_frame(blender, rigged, 40) == {"chin_length": 1.0}


def test_a_bake_without_edits_leaves_them_alone(rigged, blender, tmp_path):
    key(rigged, "jaw_width", (1, 1.0))
    rigged.edits.ambient = 0.5
    rigged.motion.path = saved(performance(30), tmp_path)
    blender.ops.heat.bake_motion()
    assert at_frame(blender, rigged, 20) == pytest.approx({"jaw_width": 1.0, "ambient": 0.5})
    assert not strips_of(blender.context.scene)


def test_switched_off_driven_and_unlisted_edits_are_left_out(rigged, blender, tmp_path):
    rigged.motion.path = saved(edited_clip(age=0.5), tmp_path)
    rigged.motion.take_edits = False
    blender.ops.heat.bake_motion()
    assert at_frame(blender, rigged, 60) == {}
    rigged.motion.take_edits = True
    rigged.edits.driver_add("jaw_width").driver.expression = "0.25"
    blender.ops.heat.bake_motion()
    assert at_frame(blender, rigged, 60)["jaw_width"] == pytest.approx(0.25)
    assert "Driven edits are left alone: jaw_width" in notes(rigged)
    assert "Add these under Attributes to bake them: age" in notes(rigged)
    blender.ops.heat.edit_attribute_add(attribute="age")
    blender.ops.heat.bake_motion()
    assert at_frame(blender, rigged, 60)["age"] == pytest.approx(0.5)


def test_a_rendered_take_bakes_onto_another_portrait(blender, portrait, backend, photo, tmp_path):
    from pathlib import Path

    from blender_addon import versions

    key(portrait, "jaw_width", (1, 0.0), (6, 2.0))
    blender.ops.heat.render()
    (strip,) = versions.strips_of(blender.context.scene)
    clip = Path(blender.path.abspath(strip.directory)).with_suffix(".npz")
    blender.ops.heat.portrait_add(photo=str(photo))
    blender.ops.heat.add_sample_rig()
    other = blender.context.scene.heat.portraits[1]
    blender.context.scene.frame_set(1)
    other.motion.path = str(clip)
    blender.ops.heat.bake_motion()
    for frame in (1, 4, 6):
        mine = at_frame(blender, portrait, frame).get("jaw_width", 0.0)
        assert at_frame(blender, other, frame).get("jaw_width", 0.0) == pytest.approx(
            mine, abs=0.02
        )
