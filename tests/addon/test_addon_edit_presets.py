# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of edits: in the .blend and as files; what is wrong with a file is told in a line."""

import json

import pytest


def values(portrait):
    from blender_addon.data import edit_values

    return {name: round(value, 4) for name, value in edit_values.values(portrait).items()}


def set_look(blender, portrait):
    portrait.edits.jaw_width, portrait.edits.blush = 1.25, -0.5
    portrait.edits.identity_03 = 2.0
    blender.ops.heat.edit_attribute_add(attribute="age")
    portrait.edits.attributes["age"].value = 0.75
    return values(portrait)


def test_a_saved_look_is_the_whole_look(blender, portrait, tmp_path):
    look = set_look(blender, portrait)
    assert blender.ops.heat.edit_preset_save(preset=" My look ") == {"FINISHED"}
    blender.ops.heat.edit_reset()
    portrait.edits.ambient = 1.0
    blender.ops.heat.edit_preset_load(preset="My look")
    assert values(portrait) == look
    path = str(tmp_path / "look.blend")
    blender.ops.wm.save_as_mainfile(filepath=path)
    blender.ops.wm.open_mainfile(filepath=path)
    again = blender.context.scene.heat.portraits[0]
    blender.ops.heat.edit_reset()
    blender.ops.heat.edit_preset_load(preset="My look")
    assert values(again) == look
    blender.ops.heat.edit_preset_delete(preset="My look")
    assert values(again) == look
    with pytest.raises(RuntimeError, match='no edit preset "My look"'):
        blender.ops.heat.edit_preset_load(preset="My look")


def test_a_look_of_one_group_leaves_the_others(blender, portrait):
    portrait.edits.ambient, portrait.edits.jaw_width = 0.5, 1.0
    blender.ops.heat.edit_preset_save(preset="light", group="light")
    portrait.edits.ambient, portrait.edits.light_amount, portrait.edits.jaw_width = 1.0, 1.0, 2.0
    blender.ops.heat.edit_preset_load(preset="light")
    assert values(portrait) == {"ambient": 0.5, "jaw_width": 2.0}


def test_export_and_import_bring_a_look_to_another_file(blender, portrait, photo, tmp_path):
    look = set_look(blender, portrait)
    path = tmp_path / "My löok.json"
    blender.ops.heat.edit_preset_export(filepath=str(path.with_suffix("")))
    assert json.loads(path.read_text("utf-8"))["format"] == "heat-edits"
    blender.ops.wm.read_factory_settings(use_empty=True)
    blender.ops.heat.portrait_add(photo=str(photo))
    (other,) = blender.context.scene.heat.portraits
    blender.ops.heat.edit_preset_import(filepath=str(path))
    assert values(other) == look
    assert blender.context.scene.heat.edit_presets.keys() == ["My löok"]
    blender.ops.heat.edit_preset_export(preset="My löok", filepath=str(tmp_path / "b.json"))
    assert (tmp_path / "b.json").read_text("utf-8") == path.read_text("utf-8")


def test_every_preset_that_comes_with_heat_can_be_loaded(blender, portrait):
    from blender_addon.data import edit_presets

    assert len(edit_presets.shipped_names()) >= 3
    for name in edit_presets.shipped_names():
        blender.ops.heat.edit_reset()
        assert blender.ops.heat.edit_preset_load(preset=name) == {"FINISHED"}
        assert values(portrait), name
        assert not edit_presets.find(blender.context.scene, name).notes


WRONG = {
    "picture": (b"\x89PNG\r\n\x1a\n\xff", "no text file"),
    "words": (b"hello", "no JSON"),
    "deep": (b"[" * 100_000, "no JSON"),
    "list": (b"[1]", '"format" must be'),
    "rig map": (b'{"format": "heat-rig-map", "version": 1}', '"format" must be'),
    "newer": (b'{"format": "heat-edits", "version": 2}', "update the add-on"),
    "no version": (b'{"format": "heat-edits"}', '"version" must be'),
    "typo": (b'{"format": "heat-edits", "version": 1, "values": {"jaw_widht": 1}}', "jaw_width"),
    "text": (b'{"format": "heat-edits", "version": 1, "values": {"blush": "much"}}', "blush"),
    "nan": (b'{"format": "heat-edits", "version": 1, "values": {"blush": NaN}}', "blush"),
    "huge": (b'{"format": "heat-edits", "version": 1, "values": {"blush": 1e400}}', "blush"),
    "group": (b'{"format": "heat-edits", "version": 1, "groups": ["all"]}', "none of shape"),
    "twice": (b'{"format": "heat-edits", "version": 1, "attributes": {"blush": 1}}', "blush"),
    "table": (b'{"format": "heat-edits", "version": 1, "values": 3}', '"values" must be'),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_reported_in_a_line_and_changes_nothing(blender, portrait, tmp_path, case):
    content, told = WRONG[case]
    portrait.edits.jaw_width = 1.0
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(RuntimeError) as error:
        blender.ops.heat.edit_preset_import(filepath=str(path))
    line = str(error.value).strip()
    assert told in line and "wrong.json" in line
    assert "Traceback" not in line and len(line.splitlines()) == 1
    assert values(portrait) == {"jaw_width": 1.0}
    assert not blender.context.scene.heat.edit_presets


def test_values_out_of_range_are_held(blender, portrait, tmp_path):
    path = tmp_path / "strong.json"
    path.write_text('{"format": "heat-edits", "version": 1, "values": {"blush": 50}}', "utf-8")
    assert blender.ops.heat.edit_preset_import(filepath=str(path)) == {"FINISHED"}
    assert values(portrait) == {"blush": 3.0}


def test_nothing_to_save_and_nothing_there_are_reported(blender, portrait, tmp_path):
    with pytest.raises(RuntimeError, match="nothing to save"):
        blender.ops.heat.edit_preset_save(preset="empty")
    portrait.edits.blush = 1.0
    with pytest.raises(RuntimeError, match="Give the preset a name"):
        blender.ops.heat.edit_preset_save(preset="  ")
    with pytest.raises(RuntimeError, match=r'no file "gone.json"'):
        blender.ops.heat.edit_preset_import(filepath=str(tmp_path / "gone.json"))
    with pytest.raises(RuntimeError, match="to delete"):
        blender.ops.heat.edit_preset_delete(preset="gone")


def test_a_name_that_is_taken_is_not_replaced_unasked(blender, portrait):
    portrait.edits.jaw_width = 1.0
    blender.ops.heat.edit_preset_save(preset="look")
    portrait.edits.jaw_width = 2.0
    with pytest.raises(RuntimeError, match="Replace"):
        blender.ops.heat.edit_preset_save(preset="look")
    blender.ops.heat.edit_preset_load(preset="look")
    assert values(portrait) == {"jaw_width": 1.0}
    portrait.edits.jaw_width = 2.0
    blender.ops.heat.edit_preset_save(preset="look", replace=True)
    portrait.edits.jaw_width = 0.0
    blender.ops.heat.edit_preset_load(preset="look")
    assert values(portrait) == {"jaw_width": 2.0}


def test_an_imported_preset_replaces_none_of_the_same_name(blender, portrait, tmp_path):
    portrait.edits.jaw_width = 1.0
    path = tmp_path / "look.json"
    blender.ops.heat.edit_preset_export(filepath=str(path))
    portrait.edits.jaw_width = 2.0
    blender.ops.heat.edit_preset_save(preset="look")
    blender.ops.heat.edit_preset_import(filepath=str(path))
    blender.ops.heat.edit_preset_import(filepath=str(path))
    presets = blender.context.scene.heat.edit_presets
    assert [one.name for one in presets] == ["look", "look.001"]
    blender.ops.heat.edit_preset_load(preset="look")
    assert values(portrait) == {"jaw_width": 2.0}
