# SPDX-License-Identifier: GPL-3.0-or-later
"""Where motion comes from, and what is told when it cannot be read or baked."""

import json
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("bpy")

from blender_addon import versions
from blender_addon.data import preferences
from blender_addon.jobs import background_jobs
from tests.addon.motion_clips import baked_strip, column, notes, performance, sampled, saved
from tests.addon.test_addon_panels import Drawn, context

# --- bad input ---


def test_keys_with_other_limits_keep_to_them_and_it_is_reported(rigged, blender, tmp_path):
    block = rigged.mesh.data.shape_keys.key_blocks["jawOpen"]
    block.slider_max = 0.5
    rigged.motion.path = saved(performance(50), tmp_path)
    blender.ops.heat.bake_motion()
    jaw = sampled(rigged, range(11, 61))[0][:, column("jawOpen")]
    assert jaw.max() == pytest.approx(0.5, abs=0.02)
    assert "limits" in notes(rigged)
    assert "jawOpen" in notes(rigged)


def test_what_the_map_cannot_express_is_reported_and_the_rest_goes_on(rigged, blender, tmp_path):
    for name in ("tongueOut", "cheekPuff"):
        row = next(r for r in rigged.key_rows if r.expression == name)
        row.mute = True
    keys = rigged.mesh.data.shape_keys
    keys.key_blocks["jawOpen"].mute = True
    keys.key_blocks["mouthClose"].driver_add("value").driver.expression = "0.3"
    rigged.motion.path = saved(performance(20), tmp_path)
    assert blender.ops.heat.bake_motion() == {"FINISHED"}
    told = notes(rigged)
    assert "No shape key serves" in told
    for name in ("tongueOut", "cheekPuff", "jawOpen", "mouthClose"):
        assert name in told
    assert len(versions.curves_of(baked_strip(keys))) == 48


def test_no_rig_and_no_rig_map_are_reported(rigged, blender, tmp_path):
    rigged.motion.path = saved(performance(20), tmp_path)
    rigged.key_rows.clear()
    rigged.bone_rows.clear()
    with pytest.raises(RuntimeError, match="no rows yet: use Auto-Map"):
        blender.ops.heat.bake_motion()
    rigged.mesh = rigged.armature = None
    with pytest.raises(RuntimeError, match="Pick a face mesh"):
        blender.ops.heat.bake_motion()


def test_a_clip_of_a_newer_version_is_reported(rigged, blender, tmp_path):
    path = saved(performance(20), tmp_path)
    with np.load(path) as fields:
        changed = {**fields, "version": np.array(2)}
    np.savez(path, **changed)
    rigged.motion.path = path
    with pytest.raises(RuntimeError, match="newer"):
        blender.ops.heat.bake_motion()
    assert rigged.mesh.data.shape_keys.animation_data is None


def test_locked_tracks_are_reported_and_nothing_is_changed(rigged, blender, tmp_path):
    rigged.motion.path = saved(performance(20), tmp_path)
    rigged.motion.take_head = False
    blender.ops.heat.bake_motion()
    keys = rigged.mesh.data.shape_keys
    track = next(t for t in keys.animation_data.nla_tracks if t.name == "take one")
    track.lock = True
    rigged.armature = None
    rigged.motion.gain_mouth = 0.2
    before = [c.evaluate(20) for c in versions.curves_of(baked_strip(keys))]
    with pytest.raises(RuntimeError, match='track "take one" is locked'):
        blender.ops.heat.bake_motion()
    assert [c.evaluate(20) for c in versions.curves_of(baked_strip(keys))] == before


def test_locked_curves_are_reported(rigged, blender, tmp_path):
    rigged.motion.path = saved(performance(20), tmp_path)
    rigged.armature = None
    blender.ops.heat.bake_motion()
    keys = rigged.mesh.data.shape_keys
    curve = versions.curves_of(baked_strip(keys))[0]
    curve.lock = True
    with pytest.raises(RuntimeError, match="has locked curves: unlock them first"):
        blender.ops.heat.bake_motion()
    curve.lock = False
    assert blender.ops.heat.bake_motion() == {"FINISHED"}


def test_an_overridden_rig_takes_the_bake(rigged, blender, tmp_path):
    file = str(tmp_path / "library.blend")
    blender.data.libraries.write(file, {rigged.mesh})
    with blender.data.libraries.load(file, link=True) as (_, here):
        here.objects = [rigged.mesh.name]
    (linked,) = here.objects
    blender.context.scene.collection.objects.link(linked)
    rigged.mesh, rigged.armature = linked.override_create(remap_local_usages=True), None
    rigged.mesh.data.override_create(remap_local_usages=True)
    rigged.motion.path = saved(performance(20), tmp_path)
    assert blender.ops.heat.bake_motion() == {"FINISHED"}
    jaw = sampled(rigged, [20])[0][0, column("jawOpen")]
    assert jaw == pytest.approx(performance(20).expression[9, column("jawOpen")], abs=0.03)


def test_a_linked_rig_is_reported(rigged, blender, tmp_path):
    file = str(tmp_path / "library.blend")
    blender.data.libraries.write(file, {rigged.mesh, rigged.armature})
    with blender.data.libraries.load(file, link=True) as (there, here):
        here.objects = list(there.objects)
    for thing in here.objects:
        blender.context.scene.collection.objects.link(thing)
        kind = "mesh" if thing.type == "MESH" else "armature"
        setattr(rigged, kind, thing)
    rigged.motion.path = saved(performance(20), tmp_path)
    with pytest.raises(RuntimeError, match=r"The shape keys of .* are linked from another file"):
        blender.ops.heat.bake_motion()


def test_a_missing_backend_and_missing_files_are_reported(rigged, blender, tmp_path):
    with pytest.raises(RuntimeError, match="Choose a video, a sound or a motion clip"):
        blender.ops.heat.bake_motion()
    rigged.motion.path = str(tmp_path / "gone.mp4")
    with pytest.raises(RuntimeError, match="is not there"):
        blender.ops.heat.bake_motion()
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    rigged.motion.path = str(film)
    with pytest.raises(RuntimeError, match="not set up"):
        blender.ops.heat.bake_motion()
    rigged.motion.source = "STRIP"
    with pytest.raises(RuntimeError, match="no movie or sound strip"):
        blender.ops.heat.bake_motion()


# --- the backend's part ---

READER = """
import json, shutil, sys, time
def tell(**values):
    print(json.dumps(values), flush=True)
tell(step="prepare", what="finding the face", fraction=0.25)
given = dict(zip(sys.argv, sys.argv[1:]))
if "hang" in sys.argv[2]:
    time.sleep(600)
if "empty" in sys.argv[2]:
    sys.exit("error: there is no face in the film")
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
shutil.copy({clip!r}, given["--out"])
tell(step="done", out=given["--out"], frames=50, fps=25.0, notes=["a face turned away"])
"""


@pytest.fixture
def reader(rigged, blender, tmp_path, monkeypatch):
    """A program in the backend's place that brings a made-up clip; gives its log."""
    from blender_addon.backend import choose
    from blender_addon.backend.owner import LocalBackend

    log, program = tmp_path / "log.txt", tmp_path / "reader.py"
    clip = saved(performance(50), tmp_path, "made up.npz")
    program.write_text(READER.replace("{log!r}", repr(str(log))).replace("{clip!r}", repr(clip)))
    local = LocalBackend((sys.executable, str(program)), {}, tmp_path / "backend.log")
    monkeypatch.setattr(choose, "command", lambda _elsewhere="": local)
    monkeypatch.setattr(preferences, "data_folder", lambda: tmp_path / "own")
    return log


def media(tmp_path, name):
    (tmp_path / name).write_bytes(b"media")
    return str(tmp_path / name)


def orders(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_film_is_read_once_and_baked_again_at_once(rigged, blender, reader, tmp_path):
    rigged.motion.path = media(tmp_path, "film é.mp4")
    blender.ops.heat.bake_motion()
    assert "a face turned away" in notes(rigged)
    assert baked_strip(rigged.mesh.data.shape_keys, "film é").frame_start == 11.0
    rigged.motion.tolerance = 0.05
    blender.ops.heat.bake_motion()
    (order,) = orders(reader)
    assert order[:2] == ["track", rigged.motion.path]
    rigged.motion.face = 2
    blender.ops.heat.bake_motion()
    assert orders(reader)[-1][2:4] == ["--face", "2"]


def test_a_voice_is_read_at_the_scenes_rate(rigged, blender, reader, tmp_path):
    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.001
    rigged.motion.path, rigged.motion.life = media(tmp_path, "voice.wav"), True
    rigged.motion.style = 1.5
    blender.ops.heat.bake_motion()
    (order,) = orders(reader)
    assert order[0] == "speak"
    assert order[2:7] == ["--fps", "24000/1001", "--style", "1.5", "--life"]
    assert baked_strip(rigged.mesh.data.shape_keys, "voice (voice)")
    rigged.motion.reads = "FACE"
    with pytest.raises(RuntimeError, match="it has a voice, but no face"):
        blender.ops.heat.bake_motion()


def test_face_and_voice_of_a_film_are_mixed(rigged, blender, reader, tmp_path):
    rigged.motion.path, rigged.motion.reads = media(tmp_path, "film.mp4"), "BOTH"
    rigged.motion.voice_share = 0.5
    shown = drawn(blender).of("prop")
    assert {"face", "style", "voice_share"} <= set(shown)
    blender.ops.heat.bake_motion()
    assert [order[0] for order in orders(reader)] == ["track", "speak"]
    assert "--life" not in orders(reader)[1]
    assert len(versions.curves_of(baked_strip(rigged.mesh.data.shape_keys, "film"))) == 52
    rigged.motion.path = voice_file(tmp_path)
    with pytest.raises(RuntimeError, match="it has a voice, but no face"):
        blender.ops.heat.bake_motion()


def test_a_voice_is_laid_over_the_mouth_alone_and_in_step(tmp_path):
    from blender_addon.core.motion.bake_plan import ClipFiles

    face, voice = performance(50), performance(100)
    paths = [tmp_path / "face.npz", tmp_path / "voice.npz"]
    saved(face, tmp_path, "face.npz")
    saved(voice, tmp_path, "voice.npz")
    mixed = ClipFiles(paths[0], 1.0, paths[1]).load()
    jaw, brow = column("jawOpen"), column("browInnerUp")
    np.testing.assert_allclose(mixed.expression[:, jaw], voice.expression[25:75, jaw], atol=1e-6)
    np.testing.assert_array_equal(mixed.expression[:, brow], face.expression[:, brow])


def test_a_failure_of_the_backend_is_reported_in_its_words(rigged, blender, reader, tmp_path):
    rigged.motion.path = media(tmp_path, "empty.mp4")
    with pytest.raises(RuntimeError, match="There is no face in the film"):
        blender.ops.heat.bake_motion()
    assert rigged.mesh.data.shape_keys.animation_data is None


def test_reading_shows_progress_and_can_be_cancelled(rigged, blender, reader, tmp_path):
    from blender_addon.jobs import motion_job

    rigged.motion.path = media(tmp_path, "hang.mp4")
    job = motion_job.start(blender.context.scene, rigged)
    end = time.monotonic() + 30
    while job.fraction < 0.2 and time.monotonic() < end:
        time.sleep(0.02)
    assert job.line() == "Finding the face"
    panel = drawn(blender)
    assert panel.of("operator") == ["heat.motion_cancel"]
    assert ("progress", "25%") in panel.kept
    blender.ops.heat.motion_cancel()
    background_jobs.wait(job)
    assert job.state == "cancelled"
    assert rigged.mesh.data.shape_keys.animation_data is None
    assert "heat.bake_motion" in drawn(blender).of("operator")


def test_a_trimmed_movie_strip_is_read_and_baked_where_it_stands(rigged, blender, reader, tmp_path):
    av = pytest.importorskip("av")
    film = str(tmp_path / "clip.mp4")
    with av.open(film, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        for _ in range(60):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    scene = blender.context.scene
    strip = versions.new_movie_strip(versions.strips_of(scene), "shot", film, 1, 101)
    versions.set_strip_span(strip, 111, 131)
    rigged.motion.source, rigged.motion.strip = "STRIP", "shot"
    blender.ops.heat.bake_motion()
    (order,) = orders(reader)
    assert order[2:6] == ["--start", "0.4000", "--end", "1.2000"]
    baked = baked_strip(rigged.mesh.data.shape_keys, "clip")
    assert (baked.frame_start, baked.frame_end) == (111.0, 130.0)
    jaw = performance(50).expression[:20, column("jawOpen")]
    shown = sampled(rigged, range(111, 131))[0][:, column("jawOpen")]
    np.testing.assert_allclose(shown, jaw, atol=0.03)


def voice_file(folder, seconds=2.0):
    import wave

    path = folder / "line.wav"
    samples = (8000 * np.sin(np.arange(int(16000 * seconds)) / 9.0)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    return str(path)


def test_a_voice_gets_a_sound_strip_once(rigged, blender, reader, tmp_path):
    rigged.motion.path = voice_file(tmp_path)
    blender.ops.heat.bake_motion()
    if not blender.app.build_options.audaspace:
        assert "built without sound" in notes(rigged)
        return
    (strip,) = versions.strips_of(blender.context.scene)
    assert (strip.type, versions.strip_span(strip)) == ("SOUND", (11, 61))
    blender.ops.heat.bake_motion()
    assert len(versions.strips_of(blender.context.scene)) == 1
    rigged.motion.source = "STRIP"
    blender.ops.heat.bake_motion()
    assert len(versions.strips_of(blender.context.scene)) == 1


# --- the panel ---


def drawn(blender, name="HEAT_PT_motion"):
    from blender_addon.panels import motion_panel

    (panel,) = (cls for cls in motion_panel.CLASSES if cls.__name__ == name)
    layout = Drawn()
    panel.draw(SimpleNamespace(layout=layout), context(scene=blender.context.scene))
    return layout


def test_panel_shows_what_the_source_needs(rigged, blender, tmp_path):
    shown = drawn(blender)
    assert "heat.bake_motion" in shown.of("operator")
    assert "heat.open_preferences" in shown.of("operator")  # no backend is set up here
    rigged.motion.path = saved(performance(20), tmp_path)
    shown = drawn(blender)
    assert "heat.open_preferences" not in shown.of("operator")
    assert "reads" not in shown.of("prop")
    rigged.motion.path = media(tmp_path, "voice.wav")
    assert {"style", "life"} <= set(drawn(blender).of("prop"))
    rigged.motion.path = media(tmp_path, "film.mp4")
    assert "face" in drawn(blender).of("prop")
    rigged.motion.source = "STRIP"
    assert "strip" in drawn(blender).of("prop")
    parts = drawn(blender, "HEAT_PT_motion_parts").of("prop")
    assert {"take_mouth", "gain_mouth", "take_head", "only"} <= set(parts)
    assert "tolerance" in drawn(blender, "HEAT_PT_motion_curves").of("prop")
