# SPDX-License-Identifier: GPL-3.0-or-later
"""Render to sequencer with a real server and the stand-in engine: files, strip, resume."""

import os
import signal
import time
from pathlib import Path

import pytest


def strips(blender):
    from blender_addon import versions

    return list(versions.strips_of(blender.context.scene))


def renders(backend):
    return backend.renders.read_text().split() if backend.renders.exists() else []


def test_pictures_stand_at_the_right_frames(blender, portrait, backend):
    from blender_addon import bridge, versions

    assert blender.ops.heat.render() == {"FINISHED"}
    (strip,) = strips(blender)
    assert (strip.type, strip.name) == ("IMAGE", "Portrait")
    assert versions.strip_span(strip) == (1, 7)
    assert len(strip.elements) == 6
    folder = Path(blender.path.abspath(strip.directory))
    assert [e.filename for e in strip.elements] == [f"frame_{n:06d}.png" for n in range(1, 7)]
    assert all((folder / e.filename).is_file() for e in strip.elements)
    jaws = [float(value) for value in renders(backend)]
    assert jaws == sorted(set(jaws)) and (jaws[0], jaws[-1]) == (0.0, 0.5)
    clip = bridge.motion_clip.load(folder.with_suffix(".npz"))
    assert len(clip) == 6 and clip.fps == 24.0
    assert blender.context.scene.render.use_sequencer
    assert portrait.output.state_path == ""


def test_blenders_own_render_contains_the_strip(blender, portrait, backend, tmp_path):
    import numpy as np

    blender.ops.heat.fix_view_transform()
    scene = blender.context.scene
    scene.render.resolution_x, scene.render.resolution_y = 64, 80
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(tmp_path / "final_")
    scene.frame_end = 2
    blender.ops.heat.render()
    blender.ops.render.render(animation=True)
    (strip,) = strips(blender)
    first = Path(blender.path.abspath(strip.directory)) / "frame_000001.png"
    pixels = []
    for path in (first, tmp_path / "final_0001.png"):
        image = blender.data.images.load(str(path))
        values = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(values)
        pixels.append(values.reshape(-1, image.channels)[:, :3])
    assert np.abs(pixels[0] - pixels[1]).max() < 2.5 / 255


def test_movie_at_23_976_from_a_negative_frame(blender, portrait, backend):
    from blender_addon import versions

    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.001
    portrait.output.file_format, portrait.output.range_source = "MP4", "OWN"
    portrait.output.frame_start, portrait.output.frame_end = -4, 5
    blender.ops.heat.render()
    (strip,) = strips(blender)
    assert strip.type == "MOVIE" and strip.filepath.endswith("take_001.mp4")
    assert versions.strip_span(strip) == (-4, 6)
    assert versions.strip_media_frames(strip) == 10
    assert strip.fps == pytest.approx(24000 / 1001, abs=1e-3)
    assert len(renders(backend)) == 10


def test_new_take_replaces_the_older_one_and_keeps_its_files(blender, portrait, backend):
    from blender_addon import versions

    blender.ops.heat.render()
    (old,) = strips(blender)
    old.blend_alpha, old.channel = 0.5, 3
    first_folder = Path(blender.path.abspath(old.directory))
    blender.ops.heat.render()
    (strip,) = strips(blender)
    assert (strip.channel, strip.blend_alpha) == (3, 0.5)
    assert Path(blender.path.abspath(strip.directory)) != first_folder
    assert len(list(first_folder.glob("*.png"))) == 6
    blender.context.scene.frame_end = 9  # longer: a new strip with the old one's place and look
    blender.ops.heat.render()
    (strip,) = strips(blender)
    assert (strip.channel, strip.blend_alpha) == (3, 0.5)
    assert versions.strip_span(strip) == (1, 10)
    blender.context.scene.frame_start = 4  # a part: the whole stays below
    blender.ops.heat.render()
    part, whole = sorted(strips(blender), key=lambda s: -s.channel)
    assert versions.strip_span(part) == (4, 10) and versions.strip_span(whole) == (1, 10)
    assert (part.channel, whole.channel) == (4, 3)


def test_trimmed_take_is_replaced_by_the_whole(blender, portrait, backend):
    from blender_addon import versions

    blender.ops.heat.render()
    (old,) = strips(blender)
    versions.set_strip_span(old, 1, 5)
    blender.ops.heat.render()
    (strip,) = strips(blender)
    assert versions.strip_span(strip) == (1, 7) and len(strip.elements) == 6


def test_two_portraits_do_not_replace_each_other(blender, portrait, backend, photo):
    blender.ops.heat.render()
    blender.ops.heat.portrait_add(photo=str(photo))
    other = blender.context.scene.heat.portraits[1]
    first = blender.context.scene.heat.portraits[0]
    other.mesh, other.engine, other.output.folder = first.mesh, "stand_in", first.output.folder
    blender.ops.heat.map_row_add(kind="KEY", shape_key="jawOpen", expression="jawOpen")
    blender.ops.heat.render()
    assert sorted((s.name, s.channel) for s in strips(blender)) == [
        ("Portrait", 1),
        ("Portrait.001", 2),
    ]


def test_files_of_others_are_left_alone(blender, portrait, backend, tmp_path):
    place = tmp_path / "out" / "Portrait" / "take_001"
    place.mkdir(parents=True)
    mine = place / "frame_000001.png"
    mine.write_bytes(b"not yours")
    blender.ops.heat.render()
    assert mine.read_bytes() == b"not yours"
    (strip,) = strips(blender)
    assert Path(blender.path.abspath(strip.directory)).name == "take_002"


def step_until(task, condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        task.step()
        time.sleep(0.005)
    assert condition(), task.line()


@pytest.mark.parametrize("file_format", ["PNG", "MP4"])
def test_cancelled_render_is_resumed_after_reopening(
    blender, portrait, backend, tmp_path, monkeypatch, file_format
):
    from blender_addon import versions
    from blender_addon.backend import choose
    from blender_addon.jobs import background_jobs, render_job

    slow = choose.choice()
    monkeypatch.setitem(slow.environment, "HEAT_STAND_IN_SECONDS", "0.05")
    portrait.output.file_format = file_format
    blender.context.scene.frame_end = 40
    task = render_job.start(blender.context.scene, portrait)
    step_until(task, lambda: task.frames_done >= 3)
    background_jobs.cancel("render", portrait.uid)
    step_until(task, lambda: task.finished)
    assert task.state == "cancelled" and not strips(blender)
    path = str(tmp_path / "scene.blend")
    blender.ops.wm.save_as_mainfile(filepath=path)
    blender.ops.wm.open_mainfile(filepath=path)
    again = blender.context.scene.heat.portraits[0]
    assert render_job.unfinished(again) is not None
    assert blender.ops.heat.render_resume() == {"FINISHED"}
    (strip,) = strips(blender)
    assert versions.strip_media_frames(strip) == 40
    assert len(renders(backend)) <= 41  # the frame under way at the cancel may count twice
    assert render_job.unfinished(again) is None


def test_killed_backend_is_started_again_and_no_frame_rendered_twice(
    blender, portrait, backend, monkeypatch
):
    from blender_addon.backend import choose
    from blender_addon.jobs import render_job

    slow = choose.choice()
    monkeypatch.setitem(slow.environment, "HEAT_STAND_IN_SECONDS", "0.05")
    blender.context.scene.frame_end = 30
    task = render_job.start(blender.context.scene, portrait)
    step_until(task, lambda: task.frames_done >= 4)
    os.kill(backend.pid, signal.SIGKILL)
    step_until(task, lambda: task.finished)
    assert task.state == "done", task.line()
    assert 0 < task.rendered < 30
    (strip,) = strips(blender)
    assert len(strip.elements) == 30
    jaws = renders(backend)
    assert len(jaws) <= 32  # those that were rendered but not written when it was killed


def test_sampling_leaves_frame_and_interface_alone(blender, portrait, backend):
    from blender_addon.jobs import background_jobs, render_job

    scene = blender.context.scene
    scene.frame_set(5)
    scene.frame_end = 200
    task = render_job.start(scene, portrait)
    longest = 0.0
    while task.phase == "sampling":
        began = time.process_time()
        task.step()
        longest = max(longest, time.process_time() - began)
        assert scene.frame_current == 5
    background_jobs.cancel("render", portrait.uid)
    step_until(task, lambda: task.finished)
    assert task.record.count == 200


def test_view_transform_is_reported_and_fixed(addon, blender):
    from blender_addon.scene import take_strip

    scene = blender.context.scene
    scene.view_settings.view_transform = "AgX"
    assert "AgX" in take_strip.colour_complaint(scene)
    blender.ops.heat.fix_view_transform()
    assert take_strip.colour_complaint(scene) is None
    scene.view_settings.exposure = 1.0
    assert "exposure" in take_strip.colour_complaint(scene)


def test_reasons_against_a_render(addon, blender, portrait, backend):
    from blender_addon.jobs import render_job

    scene = blender.context.scene
    assert render_job.reason_against(scene, portrait) is None
    portrait.output.folder = "//heat/"
    assert "Save the .blend" in render_job.reason_against(scene, portrait)
    portrait.output.folder = "/tmp"
    portrait.output.range_source, portrait.output.frame_end = "OWN", -5
    assert "before the first" in render_job.reason_against(scene, portrait)
    portrait.output.range_source = "SCENE"
    portrait.key_rows.clear()
    assert "Auto-Map" in render_job.reason_against(scene, portrait)
    portrait.mesh = None
    assert "face mesh" in render_job.reason_against(scene, portrait)
    with pytest.raises(RuntimeError, match="face mesh"):
        blender.ops.heat.render()


def test_unwritable_folder_is_one_plain_line(addon, blender, portrait, backend, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    portrait.output.folder = str(blocked)
    with pytest.raises(RuntimeError) as told:
        blender.ops.heat.render()
    assert "Traceback" not in str(told.value) and "a file" in str(told.value)
