# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map's rows in Blender: editing, presets, rows that do nothing."""

import pytest


def test_rows_become_the_pure_map_and_back(addon, blender, portrait):
    from blender_addon.core.rig import rig_map
    from blender_addon.data import rig_maps

    rows = rig_map.RigMap(
        (
            rig_map.KeyRow("a", "mouthSmileLeft", 0.5, 0.25, True, 0.5),
            rig_map.KeyRow("b", ""),
        ),
        (rig_map.BoneRow("rz", "roll", -1.0, 0.5, False),),
    )
    rig_maps.fill(portrait, rows)
    assert rig_maps.to_rig_map(portrait) == rows


def test_rows_are_added_and_removed(addon, blender, portrait):
    blender.ops.heat.map_row_add(kind="KEY")
    assert len(portrait.key_rows) == 2
    blender.ops.heat.map_row_remove(kind="KEY", index=0)
    assert [row.expression for row in portrait.key_rows] == ["NONE"]
    with pytest.raises(RuntimeError, match="no such row"):
        blender.ops.heat.map_row_remove(kind="KEY", index=7)
    with pytest.raises(RuntimeError, match='"smirk" is no expression'):
        blender.ops.heat.map_row_add(kind="KEY", expression="smirk")


def test_renamed_key_is_reported_and_repaired(addon, blender, portrait):
    from blender_addon.data import rig_maps

    portrait.mesh.data.shape_keys.key_blocks["jawOpen"].name = "jaw_open"
    complaint = rig_maps.row_complaints(portrait)[0]
    assert "jawOpen" in complaint and "jaw_open" in complaint
    blender.ops.heat.map_row_repair()
    assert portrait.key_rows[0].shape_key == "jaw_open"
    assert not rig_maps.row_complaints(portrait)


def test_presets_are_saved_and_loaded(addon, blender, portrait, tmp_path):
    from blender_addon.data import rig_maps

    portrait.key_rows[0].scale = 0.75
    blender.ops.heat.map_save_preset(preset="My rig é")
    assert "My rig é" in rig_maps.preset_names()
    blender.ops.heat.map_row_remove(kind="KEY", index=0)
    blender.ops.heat.map_load_preset(preset="My rig é")
    assert [(r.shape_key, r.scale) for r in portrait.key_rows] == [("jawOpen", 0.75)]
    with pytest.raises(RuntimeError, match="no preset"):
        blender.ops.heat.map_load_preset(preset="never saved")
    with pytest.raises(RuntimeError, match="cannot be a preset's name"):
        blender.ops.heat.map_save_preset(preset="../outside")
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    with pytest.raises(RuntimeError, match="format"):
        blender.ops.heat.map_load_preset(filepath=str(broken))
    assert len(portrait.key_rows) == 1


def test_menu_holds_every_expression_once(addon, blender):
    from blender_addon import bridge
    from blender_addon.core.rig import expression_menu

    names = [item[0] for item in expression_menu.items() if item[0]]
    assert sorted(names) == sorted([*bridge.coefficients.EXPRESSION_NAMES, "NONE"])
    assert expression_menu.short("mouthSmileLeft") == "Mouth Smile L"


def test_sample_rig_is_ready_to_perform(addon, blender, photo):
    blender.ops.heat.portrait_add(photo=str(photo))
    blender.ops.heat.add_sample_rig()
    portrait = blender.context.scene.heat.portraits[0]
    mapped = {row.expression for row in portrait.key_rows}
    assert len(mapped) == 52 and "NONE" not in mapped
    assert portrait.armature is not None and portrait.head_bone
    assert len(portrait.bone_rows) == 6
    blender.ops.heat.add_sample_rig()  # a rig that is there is left alone
    assert len(blender.context.scene.heat.portraits) == 2
