# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a user sets survives saving and reopening; what is missing is told, not raised."""

import pytest


def test_reopened_file_has_everything(addon, blender, portrait, tmp_path):
    portrait.preview.corner, portrait.preview.offset = "TOP_RIGHT", (40, 50)
    portrait.preview.size, portrait.preview.opacity = 500, 0.5
    portrait.output.file_format, portrait.output.range_source = "MP4", "OWN"
    portrait.output.frame_start, portrait.output.frame_end = -20, 33
    portrait.size, portrait.neutralise, portrait.face = 777, True, 2
    portrait.key_rows[0].scale, portrait.key_rows[0].offset = 1.5, -0.25
    blender.ops.heat.map_row_add(kind="BONE", axis_source="ry", target="yaw")
    portrait.bone_rows[0].mute = True
    uid, name = portrait.uid, portrait.name
    path = str(tmp_path / "scene.blend")
    blender.ops.wm.save_as_mainfile(filepath=path)
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert not blender.context.scene.heat.portraits
    blender.ops.wm.open_mainfile(filepath=path)
    again = blender.context.scene.heat.portraits[0]
    assert (again.uid, again.name) == (uid, name)
    assert again.mesh == blender.data.objects["face"]
    assert again.photo_path.endswith("my phöto.png")
    assert (again.preview.corner, tuple(again.preview.offset)) == ("TOP_RIGHT", (40, 50))
    assert (again.preview.size, again.preview.opacity) == (500, 0.5)
    assert (again.output.file_format, again.output.range_source) == ("MP4", "OWN")
    assert (again.output.frame_start, again.output.frame_end) == (-20, 33)
    assert (again.size, again.neutralise, again.face) == (777, True, 2)
    row = again.key_rows[0]
    assert (row.shape_key, row.expression) == ("jawOpen", "jawOpen")
    assert (row.scale, row.offset) == (1.5, -0.25)
    assert (again.bone_rows[0].axis_source, again.bone_rows[0].target) == ("ry", "yaw")
    assert again.bone_rows[0].mute


def test_missing_photo_is_reported(addon, blender, portrait, photo, backend):
    from blender_addon import bridge
    from blender_addon.data import portraits
    from blender_addon.jobs import render_job

    photo.unlink()
    with pytest.raises(bridge.errors.BadInput, match=r"my phöto\.png"):
        portraits.portrait_source(portrait)
    assert "my phöto.png" in portraits.photo_complaint(portrait)
    assert "not there" in render_job.reason_against(blender.context.scene, portrait)
    with pytest.raises(RuntimeError, match="not there any more"):
        blender.ops.heat.preview_start()


def test_missing_backend_is_reported(addon, blender, portrait):
    from blender_addon.backend import choose

    line = choose.status_line()
    assert line.warning and "not set up" in line.text
    with pytest.raises(RuntimeError, match="not set up"):
        blender.ops.heat.render()
    with pytest.raises(RuntimeError, match="not set up"):
        blender.ops.heat.preview_start()


def test_several_portraits_have_names_and_corners_of_their_own(addon, blender):
    for _ in range(3):
        blender.ops.heat.portrait_add()
    portraits = blender.context.scene.heat.portraits
    assert len({p.name for p in portraits}) == len({p.uid for p in portraits}) == 3
    assert len({p.preview.corner for p in portraits}) == 3
    blender.ops.heat.portrait_remove(portrait=portraits[1].name)
    assert [p.name for p in portraits] == ["Portrait", "Portrait.002"]


def test_image_of_the_blend_serves_as_photo(addon, blender, portrait):
    import numpy as np

    from blender_addon.data import portraits

    image = blender.data.images.new("painted", 6, 4)
    values = np.zeros((4, 6, 4), np.float32)
    values[..., 3] = 1.0
    values[3, 0] = (1.0, 0.5, 0.25, 1.0)  # top left: Blender's rows start at the bottom
    image.pixels.foreach_set(values.reshape(-1))
    portrait.photo_source, portrait.photo_image = "IMAGE", image
    assert portraits.photo_complaint(portrait) is None
    pixels = portraits.portrait_source(portrait).pixels
    assert pixels.shape == (4, 6, 3)
    assert tuple(pixels[0, 0]) == (255, 128, 64)
    assert not pixels[1:].any()


def test_float_image_is_taken_as_linear_light(addon, blender):
    import numpy as np

    from blender_addon.data import portraits

    image = blender.data.images.new("linear", 1, 1, float_buffer=True)
    image.pixels.foreach_set(np.array([0.5, 0.5, 0.5, 1.0], np.float32))
    assert tuple(portraits.image_bytes(image)[0, 0]) == (188, 188, 188)
