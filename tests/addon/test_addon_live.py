# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview with a real server: it follows the rig, and says what goes on."""

import os
import signal
import time

import numpy as np
import pytest


def run_until(condition, seconds=60.0):
    from blender_addon.preview import live, sessions

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        live.step()
        time.sleep(0.005)
    assert condition(), [s.status() for s in sessions.sessions()]


def brightness(portrait):
    from blender_addon.preview import sessions

    return float(sessions.session_of(portrait.uid).frame.pixels[..., :3].mean())


def test_follows_frames_sliders_mutes_and_undo(blender, portrait, backend):
    from blender_addon.preview import sessions

    scene = blender.context.scene
    scene.frame_set(1)
    assert blender.ops.heat.preview_start() == {"FINISHED"}
    session = sessions.session_of(portrait.uid)
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
    assert sessions.session_of(portrait.uid) is None


def test_an_unchanged_rig_sends_nothing(blender, portrait, backend):
    from blender_addon.core import dirty_flags
    from blender_addon.preview import live, sessions

    blender.ops.heat.preview_start()
    session = sessions.session_of(portrait.uid)
    sent = session.live.counts.sent
    for _ in range(5):
        dirty_flags.rig_changed()
        live.step()
        time.sleep(0.02)
    assert session.live.counts.sent == sent


def test_live_image_shows_the_frame(blender, portrait, backend):
    from blender_addon.core.preview import frame_packing
    from blender_addon.preview import sessions

    portrait.preview.mode = "IMAGE"
    blender.ops.heat.preview_start()
    frame = sessions.session_of(portrait.uid).frame
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
    from blender_addon.preview import sessions

    blender.ops.heat.preview_start()
    pid = backend.pid
    blender.ops.heat.portrait_add(photo=str(photo))
    other = blender.context.scene.heat.portraits[1]
    other.engine = "stand_in"
    blender.ops.heat.preview_start()
    assert len(sessions.sessions()) == 2 and backend.pid == pid
    blender.ops.heat.portrait_remove()
    assert [s.uid for s in sessions.sessions()] == [blender.context.scene.heat.portraits[0].uid]


def test_lost_backend_comes_back(blender, portrait, backend):
    from blender_addon.preview import sessions

    blender.ops.heat.preview_start()
    session = sessions.session_of(portrait.uid)
    first, pid = session.frame_number, backend.pid
    os.kill(pid, signal.SIGKILL)
    run_until(lambda: session.live.state != "live")
    run_until(lambda: session.frame_number > first and session.live.state == "live")
    assert backend.pid not in (None, pid)


def test_the_portrait_so_far_shows_while_an_engine_paints_it(blender, portrait, backend):
    from blender_addon.preview import live, sessions

    portrait.engine = "stand_in_painter"
    live.start(portrait)
    session = sessions.session_of(portrait.uid)
    run_until(lambda: session.progress_image is not None)
    assert session.frame is None and session.shown.pixels.shape == (256, 256, 4)
    assert session.overlay_text().startswith("Preparing")
    first = session.shown
    run_until(lambda: session.shown is not first)
    run_until(lambda: session.frame is not None)
    assert session.progress_image is None and session.shown is session.frame
    assert session.overlay_text() == ""
    assert session.rate.value(time.monotonic()) == 0.0, (
        "one frame yet: progress images are no frames"
    )


def test_photo_without_use_is_one_line(blender, portrait, backend, tmp_path):
    from blender_addon.preview import sessions

    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    portrait.photo_path = str(broken)
    with pytest.raises(RuntimeError) as told:
        blender.ops.heat.preview_start()
    assert "broken.png" in str(told.value) and "Traceback" not in str(told.value)
    assert sessions.session_of(portrait.uid) is None


def test_opening_a_file_ends_previews(blender, portrait, backend):
    from blender_addon.preview import sessions

    blender.ops.heat.preview_start()
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert sessions.sessions() == ()


class Asking:
    """Stands for a live preview whose portrait comes to want neighbours."""

    state, error, progress = "live", None, ("", 0.0)

    def __init__(self):
        self.info = None
        self.sent = []

    def send(self, coefficients, neighbours=None):
        self.sent.append((coefficients, neighbours))

    def take(self):
        return None

    def take_progress_image(self):
        return None

    def stop(self):
        pass


def test_neighbours_go_with_the_pose_once_the_portrait_wants_them(blender, portrait, monkeypatch):
    from blender_addon import bridge
    from blender_addon.core import dirty_flags
    from blender_addon.preview import live, sessions

    asking = Asking()
    monkeypatch.setitem(sessions.by_uid, portrait.uid, sessions.Session(portrait.uid, asking))
    blender.context.scene.frame_set(3)  # of the shot's 1 to 6
    live.step()
    assert [around for _, around in asking.sent] == [None]
    asking.info = bridge.portrait_source.PortraitInfo(64, 80, (), "e", "1", wants_neighbours=True)
    live.step()
    pose, around = asking.sent[-1]
    jaw = bridge.coefficients.EXPRESSION_INDEX["jawOpen"]
    assert len(asking.sent) == 2 and len(around) == 27
    values = [float(one.expression[jaw]) for one in around]
    assert values[13] == pytest.approx(float(pose.expression[jaw]), abs=1e-5)
    assert values[:12] == values[:1] * 12 and values[:1] == pytest.approx([0.0])
    assert values[11] < values[12] < values[13] < values[16] and values[16:] == values[16:17] * 11
    dirty_flags.rig_changed()
    live.step()
    assert len(asking.sent) == 2
    keys = portrait.mesh.data.shape_keys
    keys.key_blocks["jawOpen"].driver_add("value").driver.expression = "0.25"
    blender.context.view_layer.update()
    live.step()
    assert asking.sent[-1][1] is None
