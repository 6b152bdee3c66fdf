# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits: keyed and driven values arrive in previews and clips; reset, attributes, unknown names."""

import json
import time
import types
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fresh_knowledge():
    """Let no test know what a backend told another one."""
    from blender_addon.core import engines

    engines.forget()
    yield
    engines.forget()


def at_frame(blender, portrait, frame):
    """Return the edits that would be sent at a frame."""
    from blender_addon.data import rig_maps
    from blender_addon.scene import sampling
    from blender_addon.scene.sampling import rig_source

    scene = blender.context.scene
    scene.frame_set(frame)
    graph = blender.context.evaluated_depsgraph_get()
    return dict(sampling.sample(rig_source(portrait), rig_maps.to_rig_map(portrait), graph).edits)


def take(blender):
    """Return the motion clip of the only take."""
    from blender_addon import bridge, versions

    (strip,) = versions.strips_of(blender.context.scene)
    folder = Path(blender.path.abspath(strip.directory))
    return bridge.motion_clip.load(folder.with_suffix(".npz"))


def key(portrait, name, *pairs):
    for frame, value in pairs:
        setattr(portrait.edits, name, value)
        portrait.edits.keyframe_insert(name, frame=frame)


def drive(portrait, name, expression):
    portrait.edits.driver_add(name).driver.expression = expression


def test_every_edit_is_a_property_with_its_range_and_a_tooltip(portrait):
    from blender_addon import bridge

    rows = portrait.edits.bl_rna.properties
    for edit in bridge.edits.EDITS:
        row = rows[edit.name]
        assert (row.hard_min, row.hard_max, row.default) == (edit.low, edit.high, 0.0)
        assert row.is_animatable and not row.is_readonly
        assert edit.meaning[1:] in row.description and len(row.name) <= 18
    portrait.edits.jaw_width = 77.0
    assert portrait.edits.jaw_width == 3.0


def test_keys_and_drivers_arrive_frame_by_frame(blender, portrait):
    assert at_frame(blender, portrait, 1) == {}
    key(portrait, "jaw_width", (1, 0.0), (11, 2.0))
    for curve in curves(blender.context.scene):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"
    drive(portrait, "skin_tone", "frame * -0.1")
    blender.context.view_layer.update()
    assert at_frame(blender, portrait, 6) == pytest.approx({"jaw_width": 1.0, "skin_tone": -0.6})
    assert at_frame(blender, portrait, 11)["jaw_width"] == pytest.approx(2.0)


def curves(scene):
    from blender_addon import versions

    return versions.curves_of(scene.animation_data)


def test_a_clip_has_columns_for_what_is_ever_not_zero(blender, portrait, backend):
    blender.ops.heat.render()
    assert take(blender).edits is None
    key(portrait, "jaw_width", (1, 0.0), (6, 2.0))
    portrait.edits.ambient = 0.5
    drive(portrait, "hair_hue", "frame / 10")
    blender.context.view_layer.update()
    blender.ops.heat.render()
    clip = take(blender)
    assert set(clip.edit_names) == {"jaw_width", "ambient", "hair_hue"}
    columns = dict(zip(clip.edit_names, clip.edits.T, strict=True))
    assert np.allclose(columns["ambient"], 0.5)
    assert np.allclose(columns["hair_hue"], np.arange(1, 7) / 10)
    assert columns["jaw_width"][0] == 0.0 and columns["jaw_width"][-1] == pytest.approx(2.0)
    assert (np.diff(columns["jaw_width"]) > 0).all()


def run_until(condition, seconds=60.0):
    from blender_addon.preview import live, sessions

    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        live.step()
        time.sleep(0.005)
    assert condition(), [s.status() for s in sessions.sessions()]


def test_the_preview_gets_them_and_before_leaves_them_out(blender, portrait, backend):
    from blender_addon.preview import sessions

    portrait.edits.jaw_width = 1.5
    blender.context.view_layer.update()
    blender.ops.heat.preview_start()
    session = sessions.session_of(portrait.uid)
    run_until(lambda: session.sent is not None and session.sent.edits)
    assert dict(session.sent.edits) == {"jaw_width": 1.5}
    assert blender.ops.heat.edit_before_after() == {"FINISHED"}
    run_until(lambda: not session.sent.edits)
    assert session.overlay_text() == "Before the edits"
    assert portrait.edits.jaw_width == 1.5
    blender.ops.heat.render()
    assert take(blender).edit_names == ("jaw_width",)
    blender.ops.heat.edit_before_after()
    run_until(lambda: dict(session.sent.edits) == {"jaw_width": 1.5})
    assert session.overlay_text() == ""


def test_before_is_over_in_another_file(blender, portrait):
    from blender_addon.preview import sessions

    blender.ops.heat.edit_before_after()
    uid = portrait.uid
    assert sessions.shows_before(uid)
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert not sessions.shows_before(uid)


def test_reset_of_one_of_a_group_and_of_all(blender, portrait):
    edits = portrait.edits
    edits.jaw_width, edits.chin_length, edits.ambient, edits.identity_07 = 1.0, -1.0, 0.5, 2.0
    blender.ops.heat.edit_attribute_add(attribute="age")
    edits.attributes["age"].value = 0.7
    blender.ops.heat.edit_reset(edit="jaw_width")
    assert (edits.jaw_width, edits.chin_length) == (0.0, -1.0)
    blender.ops.heat.edit_reset(group="shape")
    assert edits.chin_length == 0.0 and edits.identity_07 == 2.0 and edits.ambient == 0.5
    blender.ops.heat.edit_reset(group="attributes")
    assert edits.attributes["age"].value == 0.0
    blender.ops.heat.edit_reset()
    assert edits.ambient == edits.identity_07 == 0.0
    with pytest.raises(RuntimeError, match="did you mean jaw_width"):
        blender.ops.heat.edit_reset(edit="jaw_widht")
    with pytest.raises(RuntimeError, match="no group"):
        blender.ops.heat.edit_reset(group="shapes")


def test_reset_with_animation_leaves_nothing_behind(blender, portrait):
    key(portrait, "jaw_width", (1, 1.0), (6, 2.0))
    key(portrait, "ambient", (1, 1.0))
    drive(portrait, "skin_tone", "1.0")
    blender.ops.heat.edit_reset(edit="jaw_width", animation=True)
    blender.ops.heat.edit_reset(edit="skin_tone", animation=True)
    assert at_frame(blender, portrait, 6) == pytest.approx({"ambient": 1.0})


def test_reset_keys_where_blender_keys_by_itself(blender, portrait):
    scene = blender.context.scene
    key(portrait, "jaw_width", (1, 1.0))
    scene.frame_set(5)
    scene.tool_settings.use_keyframe_insert_auto = True
    blender.ops.heat.edit_reset(edit="jaw_width")
    assert "jaw_width" not in at_frame(blender, portrait, 5)
    assert at_frame(blender, portrait, 1)["jaw_width"] == pytest.approx(1.0)


def test_attributes_are_keyed_and_their_keys_follow(blender, portrait):
    for name in ("age", "beard", "smile of mine"):
        blender.ops.heat.edit_attribute_add(attribute=name)
    attributes = portrait.edits.attributes
    for number, name in enumerate(("beard", "smile of mine"), 1):
        attributes[name].value = number / 4
        attributes[name].keyframe_insert("value", frame=1)
    blender.ops.heat.edit_attribute_add(attribute="beard")
    assert [a.name for a in attributes] == ["age", "beard", "smile of mine"]
    blender.ops.heat.edit_attribute_remove(attribute="age")
    wanted = {"beard": 0.25, "smile of mine": 0.5}
    assert at_frame(blender, portrait, 3) == pytest.approx(wanted)
    blender.ops.heat.edit_attribute_remove(attribute="beard")
    assert at_frame(blender, portrait, 3) == pytest.approx({"smile of mine": 0.5})
    for bad in ("", "jaw_width", "x" * 70):
        with pytest.raises(RuntimeError):
            blender.ops.heat.edit_attribute_add(attribute=bad)


def test_keys_stay_with_their_portrait_when_another_is_removed(blender, portrait):
    blender.ops.heat.portrait_add()
    other = blender.context.scene.heat.portraits[1]
    key(portrait, "jaw_width", (1, 1.0))
    key(other, "chin_length", (1, 2.0))
    drive(other, "skin_tone", "0.5")
    blender.ops.heat.portrait_remove(portrait=portrait.name)
    (left,) = blender.context.scene.heat.portraits
    assert at_frame(blender, left, 4) == pytest.approx({"chin_length": 2.0, "skin_tone": 0.5})


def test_what_the_engine_has_not_is_reported_and_left_out(blender, portrait, backend):
    from blender_addon.core import engines

    blender.ops.heat.edit_attribute_add(attribute="age")
    portrait.edits.attributes["age"].value = 1.0
    portrait.edits.jaw_width = 1.0
    engines.learn_edits({"stand_in": ["jaw_width"]})
    blender.context.view_layer.update()
    blender.ops.heat.render()
    assert take(blender).edit_names == ("jaw_width",)
    from blender_addon.jobs import background_jobs

    assert "the engine stand_in has no age" in background_jobs.find("render", portrait.uid).message
    assert "has no age" in engines.missing_edits_line("warp", ["age", "jaw_width"])
    assert engines.missing_edits_line("warp", ["jaw_width"]) is None


def test_refresh_adds_what_the_backend_lists(blender, portrait, monkeypatch):
    from blender_addon.backend import choose, owner
    from blender_addon.core import engines

    told = '{"engines": {"warp": ["jaw_width"], "mine": ["age", "jaw_width"]}, "problems": ["x"]}'
    monkeypatch.setattr(choose, "command", lambda _: program(told))
    portrait.engine = "mine"
    blender.ops.heat.edit_attributes_refresh()
    assert [a.name for a in portrait.edits.attributes] == ["age"]
    assert engines.attributes_line("mine") == "The engine mine has age"
    assert not engines.has_edit("mine", "skin_tone")
    monkeypatch.setattr(choose, "command", lambda _: program("nothing"))
    with pytest.raises(RuntimeError, match="another version"):
        blender.ops.heat.edit_attributes_refresh()
    assert isinstance(program(""), owner.LocalBackend)


def program(answer):
    """Return a program that answers any question so."""
    import sys

    from blender_addon.backend import owner

    return owner.LocalBackend((sys.executable, "-c", f"print('''{answer}''')"), {}, Path())


def test_a_file_of_before_opens_with_all_edits_off(blender, portrait, tmp_path):
    portrait.edits.jaw_width = 1.0
    key(portrait, "ambient", (1, 0.5))
    path = str(tmp_path / "edits.blend")
    blender.ops.wm.save_as_mainfile(filepath=path)
    blender.ops.wm.open_mainfile(filepath=path)
    again = blender.context.scene.heat.portraits[0]
    assert at_frame(blender, again, 1) == pytest.approx({"jaw_width": 1.0, "ambient": 0.5})
    again.property_unset("edits")
    blender.context.scene.animation_data_clear()
    assert at_frame(blender, again, 1) == {}


def test_a_copied_scene_has_edits_of_its_own(blender, portrait):
    from blender_addon.data import edit_values

    portrait.edits.jaw_width = 1.0
    copy = blender.context.scene.copy().heat.portraits[0]
    copy.edits.jaw_width = 2.0
    assert edit_values.values(portrait) == {"jaw_width": 1.0}
    assert edit_values.values(copy) == {"jaw_width": 2.0}


@pytest.fixture
def described():
    """The engines as the backend describes them."""
    from blender_addon.core import engines
    from heat_backend.engines.registry import descriptions

    sent = [one.for_clients().header() for one in descriptions()]
    engines.learn({"engine_descriptions": json.loads(json.dumps(sent))})
    yield
    engines.forget()


def test_what_edits_cost_in_styleheat_is_reported_before_it_starts(
    blender, portrait, monkeypatch, described
):
    from blender_addon import bridge
    from blender_addon.jobs import edit_costs

    scene = blender.context.scene
    portrait.edits.skin_tone = 1.0
    assert edit_costs.line(scene, portrait) is None  # warp edits as it goes
    portrait.engine = "styleheat"
    assert "take 1 inversion of the edited photo" in edit_costs.line(scene, portrait)
    info = bridge.portrait_source.PortraitInfo(8, 8, (), "e", "1", inversion_seconds=40.0)
    session = types.SimpleNamespace(live=types.SimpleNamespace(info=info))
    with monkeypatch.context() as patch:
        patch.setattr(edit_costs.sessions, "session_of", lambda uid: session)
        assert "1 inversion of the edited photo, about 40 s" in edit_costs.line(scene, portrait)
    key(portrait, "jaw_width", (1, 0.0), (6, 3.0))
    told = edit_costs.line(scene, portrait)
    names = ("skin_tone", "jaw_width")
    each = [at_frame(blender, portrait, frame) for frame in range(1, 7)]
    table = [[edits.get(name, 0.0) for name in names] for edits in each]
    count = bridge.edit_cost.edit_keys(table, names).inversions
    assert count > 2 and f"take {count} inversions" in told
    drive(portrait, "blush", "frame")
    assert "not counted, for drivers or NLA strips set them: blush" in edit_costs.line(
        scene, portrait
    )
    blender.ops.heat.edit_reset(animation=True)
    assert edit_costs.line(scene, portrait) is None


def test_a_sampled_take_knows_what_its_edits_cost(described):
    from fractions import Fraction

    from blender_addon import bridge
    from blender_addon.core.takes.take import clip_of

    poses = [bridge.coefficients.Coefficients.of(edits={"skin_tone": 1.0})] * 3
    assert clip_of(poses, Fraction(24), "styleheat").cost.startswith("1 inversion ")
    assert clip_of(poses, Fraction(24), "warp").cost == ""
    still = [bridge.coefficients.Coefficients.zero()] * 3
    assert clip_of(still, Fraction(24), "styleheat").cost == ""
