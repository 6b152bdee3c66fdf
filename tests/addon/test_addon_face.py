# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait takes a picture's expression, light or skin tone; its fitted head enters the scene."""

import json
import sys
import time
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("bpy")

from blender_addon.jobs import background_jobs
from bridge import face_model, motion_clip
from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from tests.addon.test_addon_panels import Drawn, context

WORKER = """
import json, shutil, sys, time
print(json.dumps({"step": "prepare", "what": "finding the face", "fraction": 0.25}), flush=True)
given = dict(zip(sys.argv, sys.argv[1:]))
if "hang" in given.get("--sample", ""):
    time.sleep(600)
if "empty" in given.get("--sample", ""):
    sys.exit("error: no face found in empty.png: choose a picture that shows one")
with open(%r, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
shutil.copy(%r, given["--out"])
print(json.dumps({"step": "done", "notes": ["the sample's light is not met all the way"]}))
"""


def made_fit(path):
    """Write a fit of the face model's own head, a square photo before it."""
    model = face_model.load()
    count = len(model.vertices)
    height, width = 24, 32
    photo = np.zeros((height, width, 3), np.uint8)
    photo[: height // 2] = (200, 10, 10)  # its upper half is red
    front = model.vertices[:, 2] > 0.5
    np.savez(
        path,
        format="heat-fit",
        version=1,
        vertices=model.vertices,
        shapes=model.expression.astype(np.float16),
        uv=(model.vertices[:, :2] / 4.0 + 0.5).astype(np.float32),
        seen=front.astype(np.float32),
        colour=np.full((count, 3), 90, np.uint8),
        photo=photo,
        texture=photo // 2,
        light_direction=np.array([0.5, 0.5, 0.5**0.5], np.float32),
    )
    return str(path)


def made_clip(path, edits=(), **expression):
    values = np.zeros((1, 52), np.float32)
    for name, value in expression.items():
        values[0, EXPRESSION_INDEX[name]] = value
    still = np.zeros((1, 3), np.float32)
    names, amounts = tuple(dict(edits)), list(dict(edits).values())
    table = np.array([amounts], np.float32) if names else None
    motion_clip.save(motion_clip.MotionClip(25.0, values, still, still, table, names), path)
    return str(path)


@pytest.fixture
def worker(addon, tmp_path, monkeypatch):
    """Give a function that lets a program in the backend's place answer with a file."""
    from blender_addon.backend import choose
    from blender_addon.backend.owner import LocalBackend

    log, program = tmp_path / "log.txt", tmp_path / "worker.py"

    def answers(file):
        program.write_text(WORKER % (str(log), file))
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    local = LocalBackend((sys.executable, str(program)), {}, tmp_path / "backend.log")
    monkeypatch.setattr(choose, "command", lambda _elsewhere="": local)
    return answers


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "sample é.png").write_bytes(b"picture")
    return str(tmp_path / "sample é.png")


def notes(portrait):

    return " ".join(background_jobs.find("face", portrait.uid).notes)


def drawn(blender, portrait):
    from blender_addon.panels import edit_panel

    layout = Drawn()
    edit_panel.draw_face_jobs(layout, context(scene=blender.context.scene), portrait)
    return layout


def test_an_expression_lands_on_the_rig(rigged, blender, worker, sample, tmp_path):
    orders = worker(
        made_clip(tmp_path / "c.npz", jawOpen=0.5, mouthSmileLeft=0.8, browDownLeft=-0.4)
    )
    blocks = rigged.mesh.data.shape_keys.key_blocks
    blocks["cheekPuff"].value = 0.7
    rigged.face, rigged.neutralise = 2, True
    assert blender.ops.heat.match_picture(take="expression", filepath=sample) == {"FINISHED"}
    assert blocks["jawOpen"].value == pytest.approx(0.5, abs=1e-4)
    assert blocks["mouthSmileLeft"].value == pytest.approx(0.8, abs=1e-4)
    assert blocks["cheekPuff"].value == 0.0
    assert blocks["browDownLeft"].value == 0.0
    assert "hold back browDownLeft" in notes(rigged)
    assert rigged.mesh.data.shape_keys.animation_data is None
    (order,) = orders()
    given = dict(pairwise(order))
    assert order[0] == "match"
    assert (given["--sample"], given["--take"], given["--face"]) == (sample, "expression", "2")
    assert "--neutralise" in order


def test_with_auto_keying_the_expression_is_keyed(rigged, blender, worker, sample, tmp_path):
    from blender_addon import versions

    worker(made_clip(tmp_path / "clip.npz", jawOpen=0.5))
    blender.context.scene.tool_settings.use_keyframe_insert_auto = True
    blender.ops.heat.match_picture(take="expression", filepath=sample)
    keys = rigged.mesh.data.shape_keys
    curves = {c.data_path: c for c in versions.curves_of(keys.animation_data)}
    jaw = curves['key_blocks["jawOpen"].value'].keyframe_points
    (key,) = jaw
    assert tuple(key.co) == pytest.approx((11.0, 0.5), abs=1e-4)


def test_light_and_skin_tone_land_in_the_edits(rigged, blender, worker, sample, tmp_path):
    edits = rigged.edits
    edits.ambient, edits.jaw_width = 0.5, 1.0
    worker(made_clip(tmp_path / "light.npz", {"light_direction_yaw": 40.0, "light_amount": 0.6}))
    blender.ops.heat.match_picture(take="light", filepath=sample)
    assert edits.light_direction_yaw == pytest.approx(40.0)
    assert edits.light_amount == pytest.approx(0.6)
    assert edits.ambient == 0.0
    assert edits.jaw_width == 1.0
    assert "not met all the way" in notes(rigged)
    worker(made_clip(tmp_path / "skin.npz", {"skin_tone": -1.25}))
    blender.ops.heat.match_picture(take="skin_tone", filepath=sample)
    assert edits.skin_tone == pytest.approx(-1.25)
    assert edits.light_amount == pytest.approx(0.6)


def test_what_cannot_be_matched_is_reported_and_changes_nothing(rigged, blender, worker, tmp_path):
    worker(made_clip(tmp_path / "clip.npz", jawOpen=0.5))
    (tmp_path / "empty.png").write_bytes(b"picture")
    with pytest.raises(RuntimeError, match="No face found in empty"):
        blender.ops.heat.match_picture(take="light", filepath=str(tmp_path / "empty.png"))
    with pytest.raises(RuntimeError, match="is not there"):
        blender.ops.heat.match_picture(take="light", filepath=str(tmp_path / "gone.png"))
    rigged.key_rows.clear()
    rigged.bone_rows.clear()
    with pytest.raises(RuntimeError, match="Auto-Map"):
        blender.ops.heat.match_picture(take="expression", filepath=str(tmp_path / "empty.png"))


def test_the_work_shows_progress_and_can_be_cancelled(rigged, blender, worker, tmp_path):
    from blender_addon.jobs import face_job

    worker(made_clip(tmp_path / "clip.npz", {"skin_tone": 1.0}))
    (tmp_path / "hang.png").write_bytes(b"picture")
    order = face_job.match_order(rigged, "skin_tone", tmp_path / "hang.png", 0)
    job = face_job.start(blender.context.scene, rigged, order)
    end = time.monotonic() + 30
    while job.fraction < 0.2 and time.monotonic() < end:
        time.sleep(0.02)
    assert job.line() == "Finding the face"
    assert drawn(blender, rigged).of("operator") == ["heat.face_cancel"]
    blender.ops.heat.face_cancel()
    background_jobs.wait(job)
    assert job.state == "cancelled"
    assert rigged.edits.skin_tone == 0.0
    assert "heat.send_fit" in drawn(blender, rigged).of("operator")


def test_the_fitted_head_stands_in_the_scene_and_drives_its_portrait(
    addon, blender, photo, worker, tmp_path
):
    worker(made_fit(tmp_path / "made.npz"))
    blender.ops.heat.portrait_add(photo=str(photo))
    portrait = blender.context.scene.heat.portraits[0]
    assert blender.ops.heat.send_fit() == {"FINISHED"}
    mesh = portrait.mesh
    names = [block.name for block in mesh.data.shape_keys.key_blocks]
    assert names == ["Basis", *EXPRESSION_NAMES]
    assert (portrait.armature.type, portrait.head_bone) == ("ARMATURE", "head")
    mapped = {row.expression for row in portrait.key_rows if not row.mute}
    assert mapped == set(EXPRESSION_NAMES)
    model = face_model.load()
    nose = mesh.data.vertices[int(model.vertices[:, 2].argmax())].co
    assert nose.y < -0.05
    images = {
        node.image
        for material in mesh.data.materials
        for node in material.node_tree.nodes
        if node.type == "TEX_IMAGE"
    }
    (image,) = images
    assert image.packed_file is not None
    pixels = np.array(image.pixels[:]).reshape(24, 32, 4)
    np.testing.assert_allclose(pixels[-1, 0, :3], np.array((200, 10, 10)) / 255.0, atol=0.01)
    # Each corner finds the photo's pixel before its vertex.
    corner = mesh.data.loops[0].vertex_index
    uv = mesh.data.uv_layers[0].data[0].uv
    np.testing.assert_allclose(uv, model.vertices[corner, :2] / 4.0 + 0.5, atol=1e-5)
    # The back of the head is not the photo's.
    back = [p.material_index % 2 for p in mesh.data.polygons if p.center.y > 0.03]
    assert back and all(back)


def test_a_portrait_with_a_rig_keeps_it(rigged, blender, worker, tmp_path):
    worker(made_fit(tmp_path / "made.npz"))
    before = rigged.mesh
    blender.ops.heat.send_fit(lit=False)
    assert rigged.mesh == before
    assert "keeps its rig" in notes(rigged)
    (image,) = [i for i in blender.data.images if i.name.endswith("photo")]
    assert np.array(image.pixels[:]).max(initial=0.0, where=np.arange(24 * 32 * 4) % 4 < 3) < 0.5


def test_a_file_that_is_no_fit_is_reported(addon, blender, photo, worker, tmp_path):
    blender.ops.heat.portrait_add(photo=str(photo))
    worker(made_clip(tmp_path / "clip.npz"))
    with pytest.raises(RuntimeError, match="fit the face again"):
        blender.ops.heat.send_fit()
    assert not blender.data.meshes


def test_an_image_of_the_blend_reaches_the_backend(addon, blender, worker, tmp_path):
    orders = worker(made_fit(tmp_path / "made.npz"))
    blender.ops.heat.portrait_add()
    portrait = blender.context.scene.heat.portraits[0]
    image = blender.data.images.new("painted", 8, 6)
    portrait.photo_source, portrait.photo_image = "IMAGE", image
    blender.ops.heat.send_fit()
    (order,) = orders()
    path = order[order.index("--portrait") + 1]
    assert path.endswith(".ppm")


def test_it_waits_until_the_user_leaves_edit_mode(addon, blender, photo, worker, tmp_path):
    from blender_addon.jobs import face_job

    worker(made_fit(tmp_path / "made.npz"))
    blender.ops.heat.portrait_add(photo=str(photo))
    scene = blender.context.scene
    data = blender.data.meshes.new("mine")
    data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mine = blender.data.objects.new("mine", data)
    scene.collection.objects.link(mine)
    blender.context.view_layer.objects.active = mine
    blender.ops.object.mode_set(mode="EDIT")
    job = face_job.start(scene, scene.heat.portraits[0], face_job.fit_order(lit=True))
    end = time.monotonic() + 30
    while "current mode" not in job.line() and time.monotonic() < end:
        job.step()
        time.sleep(0.02)
    assert blender.context.mode == "EDIT_MESH"
    assert not job.finished
    blender.ops.object.mode_set(mode="OBJECT")
    background_jobs.wait(job)
    assert job.state == "done"
    assert scene.heat.portraits[0].mesh is not None


def test_a_lamp_where_the_photos_light_comes_from_leaves_it_alone(
    rigged, blender, worker, tmp_path
):
    orders = worker(made_fit(tmp_path / "f.npz"))
    lamp = blender.data.objects.new("Key", blender.data.lights.new("Key", "POINT"))
    blender.context.scene.collection.objects.link(lamp)
    bone = rigged.armature.data.bones[rigged.head_bone]
    x, y, z = (bone.head_local + bone.tail_local) / 2
    lamp.location = (x + 0.5, y - 0.5**0.5, z + 0.5)  # the fit's direction, for a face to -Y
    blender.ops.heat.edit_drive_light(lamp="Key")
    assert blender.ops.heat.edit_own_light() == {"FINISHED"}
    assert orders()[0][0] == "fit"
    blender.context.view_layer.update()
    assert rigged.edits.light_direction_yaw == pytest.approx(0.0, abs=1e-3)
    assert rigged.edits.light_direction_pitch == pytest.approx(0.0, abs=1e-3)
    assert "image right, 30 degrees above" in message(rigged)


def message(portrait):

    return background_jobs.find("face", portrait.uid).message
