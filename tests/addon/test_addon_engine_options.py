# SPDX-License-Identifier: GPL-3.0-or-later
"""The Engine panel draws the options of any engine that a backend describes."""

import pytest

pytest.importorskip("bpy")

from heat_backend.engines.registry import descriptions
from tests.addon.test_addon_panels import drawn
from tests.engines.tiny_engine import DESCRIPTION


@pytest.fixture
def learnt():
    """Engines as a backend's WELCOME tells of them: its own, and the tiny one."""
    from blender_addon.core import engines

    found = [one.for_clients() for one in (*descriptions(), DESCRIPTION)]
    engines.learn(
        {
            "engines": [one.name for one in found],
            "engine_descriptions": [one.header() for one in found],
        }
    )
    yield engines
    engines.forget()


def properties(blender):
    return drawn(blender, "HEAT_PT_engine").of("prop")


def own(portrait, size=0):
    from blender_addon.data import portraits

    return portraits.engine_options(portrait, size).engine_options


def test_options_of_any_engine_are_drawn_and_sent(blender, portrait, learnt):
    assert "tiny" in learnt.names()
    portrait.engine = "tiny"
    panel = drawn(blender, "HEAT_PT_engine")
    assert panel.of("prop")[:4] == ["engine", "text", "integer", "flag"]
    assert "Tiny fills the frame" in panel.text and "How bright it is" in panel.text
    assert own(portrait) == {"channel": "red", "level": 100, "inverted_colours": False}
    row = portrait.engine_values["tiny/level"]
    row.integer = 7
    assert own(portrait)["level"] == 7
    from blender_addon.data import engine_options

    assert engine_options.choices("tiny/channel") == ["red", "green", "blue"]


def test_a_value_stays_while_another_engine_is_chosen(blender, portrait, learnt):
    portrait.engine = "tiny"
    portrait.engine_values["tiny/level"].integer = 7
    portrait.engine = "warp"
    assert own(portrait) == {} and "integer" not in properties(blender)
    portrait.engine = "tiny"
    assert own(portrait)["level"] == 7 and len(portrait.engine_values) == 3


def test_options_are_shown_by_a_button_where_the_engine_was_described_later(
    blender, portrait, learnt
):
    portrait.engine = "tiny"
    portrait.engine_values.clear()
    panel = drawn(blender, "HEAT_PT_engine")
    assert "heat.engine_options_show" in panel.of("operator")
    assert own(portrait)["level"] == 100
    blender.ops.heat.engine_options_show()
    assert properties(blender)[:4] == ["engine", "text", "integer", "flag"]


def test_properties_of_saved_portraits_stay_the_values_of_their_options(blender, portrait, learnt):
    portrait.engine = "styleheat"
    assert properties(blender)[:3] == ["engine", "inversion", "keep_identity"]
    assert own(portrait) == {"inversion": "encode", "keep_identity": False}
    portrait.inversion, portrait.keep_identity = "coarse", True
    assert own(portrait) == {"inversion": "coarse", "keep_identity": True}
    assert not portrait.engine_values


def test_before_any_backend_has_answered_only_what_was_set_is_sent(blender, portrait):
    from blender_addon.core import engines

    engines.forget()
    portrait.engine = ""
    portrait.inversion = "coarse"
    assert own(portrait) == {}, "the default engine has no options"
    portrait.engine = "styleheat"
    assert own(portrait) == {"inversion": "coarse"}
    assert properties(blender)[:2] == ["engine", "device"]


def test_a_description_that_is_none_is_ignored(learnt):
    before = learnt.description("tiny")
    learnt.learn({"engines": ["odd"], "engine_descriptions": [{"name": 3}]})
    assert learnt.description("tiny") == before and "odd" in learnt.names()


def test_options_are_kept_in_a_take(blender, portrait, backend, learnt):
    """A take is rendered, and could be resumed, with the options it was begun with."""
    from blender_addon.core.takes import take
    from blender_addon.jobs import background_jobs

    portrait.output.frame_start = portrait.output.frame_end = 1
    portrait.output.range_source = "OWN"
    blender.ops.heat.render()
    files = background_jobs.find("render", portrait.uid).files
    assert take.load_record(files.record).options["engine_options"] == {}
