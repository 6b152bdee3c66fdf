# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview with a real server: it follows the rig, and says what goes on."""

import os
import signal
import time

import numpy as np
import pytest


def run_until(condition, seconds=60.0):
    from blender_addon.preview import live

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        live.step()
        time.sleep(0.005)
    assert condition(), [s.status() for s in live.sessions()]


def brightness(portrait):
    from blender_addon.preview import live

    return float(live.session_of(portrait.uid).frame.pixels[..., :3].mean())


def test_follows_frames_sliders_mutes_and_undo(blender, portrait, backend):
    from blender_addon.preview import live

    scene = blender.context.scene
    scene.frame_set(1)
    assert blender.ops.heat.preview_start() == {"FINISHED"}
    session = live.session_of(portrait.uid)
    assert session.status()[0].startswith("Live")
    resting = brightness(portrait)
    scene.frame_set(11)
    run_until(lambda: brightness(portrait) > resting + 20)
    portrait.key_rows[0].mute = True
    run_until(lambda: brightness(portrait) == resting)
    portrait.key_rows[0].mute = False
    run_until(lambda: brightness(portrait) > resting + 20)
    portrait.mesh.data.shape_keys.animation_data_clear()
    key = portrait.mesh.data.shape_keys.key_blocks["jawOpen"]
    driver = key.driver_add("value").driver
    driver.expression = "0.25"
    blender.context.view_layer.update()
    run_until(lambda: resting + 5 < brightness(portrait) < resting + 30)
    blender.ops.heat.preview_stop()
    assert live.session_of(portrait.uid) is None


def test_an_unchanged_rig_sends_nothing(blender, portrait, backend):
    from blender_addon import change_notes
    from blender_addon.preview import live

    blender.ops.heat.preview_start()
    session = live.session_of(portrait.uid)
    sent = session.live.counts.sent
    for _ in range(5):
        change_notes.rig_changed()
        live.step()
        time.sleep(0.02)
    assert session.live.counts.sent == sent


def test_live_image_shows_the_frame(blender, portrait, backend):
    from blender_addon.preview import frame_packing, live

    portrait.preview.mode = "IMAGE"
    blender.ops.heat.preview_start()
    frame = live.session_of(portrait.uid).frame
    image = portrait.preview.image
    assert tuple(image.size) == (frame.width, frame.height) and image.is_float
    shown = np.empty(frame.width * frame.height * 4, np.float32)
    image.pixels.foreach_get(shown)
    wanted = np.empty((frame.height, frame.width, 4), np.float32)
    frame_packing.image_pixels_into(frame.pixels, wanted)
    assert np.array_equal(shown, wanted.reshape(-1))
    portrait.preview.render_size = 40  # another size: the same image goes on
    run_until(lambda: image.size[1] == 40)
    assert portrait.preview.image == image


def test_two_portraits_are_live_at_once_on_one_backend(blender, portrait, backend, photo):
    from blender_addon.preview import live

    blender.ops.heat.preview_start()
    pid = backend.pid
    blender.ops.heat.portrait_add(photo=str(photo))
    other = blender.context.scene.heat.portraits[1]
    other.engine = "stand_in"
    blender.ops.heat.preview_start()
    assert len(live.sessions()) == 2 and backend.pid == pid
    blender.ops.heat.portrait_remove()
    assert [s.uid for s in live.sessions()] == [blender.context.scene.heat.portraits[0].uid]


def test_lost_backend_comes_back(blender, portrait, backend):
    from blender_addon.preview import live

    blender.ops.heat.preview_start()
    session = live.session_of(portrait.uid)
    first, pid = session.frame_number, backend.pid
    os.kill(pid, signal.SIGKILL)
    run_until(lambda: session.live.state != "live")
    run_until(lambda: session.frame_number > first and session.live.state == "live")
    assert backend.pid not in (None, pid)


def test_photo_without_use_is_one_line(blender, portrait, backend, tmp_path):
    from blender_addon.preview import live

    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    portrait.photo_path = str(broken)
    with pytest.raises(RuntimeError) as told:
        blender.ops.heat.preview_start()
    assert "broken.png" in str(told.value) and "Traceback" not in str(told.value)
    assert live.session_of(portrait.uid) is None


def test_opening_a_file_ends_previews(blender, portrait, backend):
    from blender_addon.preview import live

    blender.ops.heat.preview_start()
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert live.sessions() == ()
