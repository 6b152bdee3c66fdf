# SPDX-License-Identifier: GPL-3.0-or-later
"""The set-up's buttons and lines in Blender, for real but for the network."""

import json
import sys
from types import SimpleNamespace

import pytest

from tests.addon.small_wheels import make_backend
from tests.addon.test_addon_panels import Drawn, context

pytest.importorskip("bpy")

from blender_addon import bridge
from blender_addon.core.setup import environment, torch_build


@pytest.fixture
def small(addon, small_addon, setup_plan, index, monkeypatch):
    """The add-on with the tiny backend's extension, and a data folder of its own."""
    from blender_addon.backend import choose
    from blender_addon.data import preferences

    monkeypatch.setattr(choose, "addon_folder", lambda: small_addon)
    monkeypatch.setattr(preferences, "data_folder", lambda: setup_plan.places.data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(setup_plan.places.data.parent / "cache"))
    monkeypatch.setenv("HEAT_WHEELS", str(index.wheels))
    return setup_plan.places


def page(prefs=None):
    """Draw the page's part about Heat's own environment."""
    from blender_addon.data import preferences
    from blender_addon.jobs import setup_job

    return " ".join(text for _icon, text in setup_job.lines(prefs or preferences.current()))


def test_one_click_sets_up_adds_networks_renews_and_removes(small, blender, small_addon):
    from blender_addon.backend import choose, owner

    assert choose.missing() is not None
    assert "Downloads about" not in page() and "Installs from the folder" in page()
    assert blender.ops.heat.setup_backend() == {"FINISHED"}
    assert choose.missing() is None and not small.work.exists()
    command = choose.choice().command
    assert command[0] == sys.executable and command[-1] == "serve"
    assert str(small.environments / "e1") in command[-2]
    version = "{}.{}".format(*sys.version_info[:2])
    assert f"The backend is set up for Python {version}." in page()
    assert blender.ops.heat.add_networks() == {"FINISHED"}
    assert "with PyTorch (C" in page()
    # A Blender update changed Python: one click.
    mark = small.environments / "e1" / "heat_environment.json"
    values = json.loads(mark.read_text("utf-8"))
    mark.write_text(json.dumps({**values, "python": "3.10"}), "utf-8")
    choose.forget_missing()
    assert choose.status_line().remedy == "renew"
    assert "set up for Python 3.10, Blender now has" in page()
    assert blender.ops.heat.setup_backend("EXEC_DEFAULT") == {"FINISHED"}
    assert choose.missing() is None
    assert not (small.environments / "e1").exists()
    # An update of the add-on: what is there serves until it is renewed.
    make_backend(small_addon / "wheels", "9.10")
    choose.forget_missing()
    assert choose.missing() is None and "of another version than the add-on: renew it." in page()
    assert blender.ops.heat.setup_backend() == {"FINISHED"}
    assert "with PyTorch (C" in page()
    small.log.write_text("log", "utf-8")
    choose.ready()
    assert blender.ops.heat.remove_backend() == {"FINISHED"}
    assert owner.owner().pid is None
    assert not small.environments.exists() and not small.log.exists()
    assert "not set up yet" in choose.missing()


def test_a_failure_is_read_in_full_in_the_preferences(small, blender, index, monkeypatch):
    from blender_addon.data import preferences
    from blender_addon.jobs import setup_job
    from blender_addon.panels import preferences_page

    next(index.wheels.glob("heat_other*")).unlink()
    with pytest.raises(RuntimeError, match=r"has no fitting wheel of heat-other 2\.0"):
        blender.ops.heat.setup_backend()
    assert setup_job.problems()[0] in page()
    layout = Drawn()
    prefs = preferences.current()
    preferences_page.HeatPreferences._draw_own(prefs, layout, context())
    assert "has no fitting wheel of heat-other 2.0 for Python" in layout.text
    assert {"heat.setup_backend", "heat.open_log", "heat.remove_backend"} <= set(
        layout.of("operator")
    )
    # In a window nothing pops up: what cannot even begin is read there, too.
    monkeypatch.setenv("HEAT_WHEELS", "/nowhere/at/all")
    told = []
    operator = SimpleNamespace(report=lambda kind, text: told.append(kind))
    monkeypatch.setattr(setup_job, "bpy", SimpleNamespace(app=SimpleNamespace(background=False)))
    setup_job.refuse(operator, bridge.errors.BadInput("The folder is not there"))
    assert told == [{"INFO"}] and setup_job.problems() == ["The folder is not there"]


def test_the_dialog_tells_what_is_downloaded_from_where(small, index, monkeypatch):
    from blender_addon.operators import setup_operators

    monkeypatch.delenv("HEAT_WHEELS")
    for wheel in index.wheels.glob("*.whl"):  # a bundle: no network is needed to plan
        wheel.rename(small.data.parent / "addon" / "wheels" / wheel.name)
    bundle = small.data.parent / "addon" / "wheels" / "bundle.json"
    bundle.write_text('{"platform": "linux-x86_64", "python": "3.11"}', "utf-8")
    asked, told = [], []
    manager = SimpleNamespace(invoke_props_dialog=lambda op, **_: asked.append(op) or {"RUNNING"})
    asking = context(window_manager=manager)
    kind = setup_operators.HEAT_OT_setup_backend
    operator = SimpleNamespace(
        layout=Drawn(), report=lambda kind, text: told.append(text), networks=False, told=(),
        bl_label="Set Up Backend",
    )  # fmt: skip
    kind.open_dialog(operator, asking)
    assert asked == [operator] and not told
    kind.draw(operator, asking)
    text = operator.layout.text.replace("\n", " ")
    for words in ("Downloads about", "Packages come from", "own Python", index.host):
        assert words in text


def test_removal_shows_what_goes(small, blender):
    from blender_addon.operators import setup_operators

    blender.ops.heat.setup_backend()
    manager = SimpleNamespace(invoke_props_dialog=lambda op, **_: {"RUNNING"})
    operator = SimpleNamespace(layout=Drawn())
    setup_operators.HEAT_OT_remove_backend.invoke(operator, context(window_manager=manager), None)
    setup_operators.HEAT_OT_remove_backend.draw(operator, context())
    assert "Environment: " in operator.layout.text and "In all " in operator.layout.text


def test_offline_preference_is_respected(addon, blender, small, index, monkeypatch):
    from blender_addon.data import preferences
    from blender_addon.jobs import setup_job

    monkeypatch.delenv("HEAT_WHEELS")
    if blender.app.online_access:
        pytest.skip("this Blender allows online access")
    with pytest.raises(RuntimeError, match="stay offline"):
        blender.ops.heat.setup_backend()
    prefs = preferences.current()
    prefs.wheel_folder = "/nowhere/at/all"
    with pytest.raises(bridge.errors.BadInput, match="is not there"):
        setup_job.plan(prefs)


def test_a_checkout_brings_nothing_to_install(addon):
    from blender_addon.data import preferences
    from blender_addon.jobs import setup_job

    prefs = preferences.current()
    prefs.wheel_folder = "/tmp"
    with pytest.raises(bridge.errors.MissingHere, match="brings no backend"):
        setup_job.plan(prefs)
    assert environment.look(preferences.places(), None).state == environment.ABSENT


@pytest.mark.parametrize(
    ("wanted", "platform", "nvidia", "name", "index"),
    [
        ("AUTO", "linux", False, "CPU", torch_build.CPU_INDEX),
        ("AUTO", "linux", True, "CUDA", None),
        ("AUTO", "win32", False, "CPU", None),
        ("AUTO", "win32", True, "CUDA", torch_build.CUDA_INDEX),
        ("CPU", "win32", True, "CPU", None),
        ("AUTO", "darwin", False, "CPU", None),
    ],
)
def test_build_of_torch_fits_the_machine(wanted, platform, nvidia, name, index):
    build = torch_build.choose(wanted, platform, nvidia)
    assert (build.name, build.index) == (name, index)
    assert "GB" in torch_build.size_sentence(build)
