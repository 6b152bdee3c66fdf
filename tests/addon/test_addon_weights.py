# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching the StyleHEAT weights by the add-on: the real backend, files from a small server."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from blender_addon.backend import weights_command
from tests.addon.conftest import ROOT, backend_python
from tests.addon.test_addon_panels import Drawn, context, drawn
from tests.styleheat.file_server import served

FILES = """
import sys
from pathlib import Path
from tests.styleheat import layout_files
made, shelf = map(Path, sys.argv[1:])
layout_files.write_checkpoints(made)
for path in made.iterdir():
    if path.is_file():
        path.replace(shelf / path.name)
(made / "Deep3D" / "epoch_20.pth").replace(shelf / "epoch_20.pth")
layout_files.zipped(made / "BFM", shelf / "BFM_Fitting.zip", "BFM_Fitting")
name = "interfacegan_directions-20230323T133213Z-001.zip"
layout_files.zipped(made / "interfacegan_directions", shelf / name, "interfacegan_directions")
"""
# The published command, but that files come from the test's own server.
PROGRAM = """
import sys
from heat_backend.cli.main import main
sys.exit(main([*sys.argv[1:], *(["--mirror", {address!r}] if "fetch" in sys.argv else [])]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A server of all published files, in layout; they are next to empty."""
    python = backend_python()
    if not Path(python).exists():
        pytest.skip(f"no environment that can run the backend: {python} is not there")
    made, shelf = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("shelf")
    subprocess.run([python, "-c", FILES, str(made), str(shelf)], cwd=ROOT, check=True)
    with served(shelf) as server:
        yield server


@pytest.fixture
def weights(addon, blender, published, tmp_path, monkeypatch):
    """The add-on with a backend and an empty weights folder named in its preferences."""
    from blender_addon.backend import choose
    from blender_addon.data import preferences
    from blender_addon.jobs import background_jobs

    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(address=published.address))
    monkeypatch.setenv("HEAT_BACKEND_PYTHON", backend_python())
    preferences.current().weights_folder = str(tmp_path / "weights é")
    found = choose.command()
    backend = type(found)((backend_python(), str(program)), found.environment, found.log_path)
    monkeypatch.setattr(choose, "command", lambda: backend)
    background_jobs.clear()
    system, before = blender.context.preferences.system, blender.app.online_access
    system.use_online_access = True
    published.cut_at, published.asked = 0.0, []
    # Its name holds the start of its checksum, which no stand-in can have.
    (tmp_path / "weights é").mkdir()
    (tmp_path / "weights é" / "vgg19-dcbd9e9d.pth").touch()
    yield tmp_path / "weights é"
    system.use_online_access = before


def told_in_preferences(blender):
    from types import SimpleNamespace

    from blender_addon.panels import preferences_page

    layout = Drawn()
    own = SimpleNamespace(layout=layout, backend="OWN")
    preferences_page.HeatPreferences.draw_weights(own, layout, context(scene=blender.context.scene))
    return layout


def wait_for_report(seconds=60.0):
    from blender_addon.jobs import weights_job

    end = time.monotonic() + seconds
    while weights_job.report() is None and time.monotonic() < end:
        time.sleep(0.02)
    return weights_job.report()


def test_from_nothing_to_all_weights_by_buttons(weights, blender, portrait):
    portrait.engine = "styleheat"
    assert "StyleHEAT_visual.pt" in wait_for_report().lacking
    panel = drawn(blender, "HEAT_PT_engine")
    assert "StyleHEAT needs weights: StyleHEAT_visual.pt" in panel.text
    assert "heat.open_preferences" in panel.of("operator")
    shown = told_in_preferences(blender)
    assert {"heat.fetch_weights", "heat.verify_weights"} <= set(shown.of("operator"))
    assert str(weights).replace(" ", "") in shown.text.replace(" ", "")
    with pytest.raises(RuntimeError, match="Accept the licence first: MIT License"):
        blender.ops.heat.fetch_weights()
    with pytest.raises(RuntimeError, match="Accept the licence first: Basel Face Model"):
        blender.ops.heat.fetch_weights(accept=True)
    assert blender.ops.heat.fetch_weights(accept=True, accept_by_name=True) == {"FINISHED"}
    assert (weights / "Deep3D" / "epoch_20.pth").is_file()
    assert (weights / "BFM" / "similarity_Lm3D_all.mat").is_file()
    end = time.monotonic() + 60
    while "weights are here." not in told_in_preferences(blender).text and time.monotonic() < end:
        time.sleep(0.05)
    assert "StyleHEAT's weights are here." in told_in_preferences(blender).text
    panel = drawn(blender, "HEAT_PT_engine")
    assert "needs weights:" not in panel.text
    assert "StyleHEAT paints the face anew" in panel.text


def test_engines_are_suggested_before_anything_runs(weights, blender, portrait):
    from blender_addon.core import engines

    engines.forget()
    portrait.engine = "warp"
    assert "Warp moves" not in drawn(blender, "HEAT_PT_engine").text
    wait_for_report()
    assert "Warp moves the photo itself" in drawn(blender, "HEAT_PT_engine").text
    assert "warp" in engines.names()


def test_a_failed_fetch_and_damaged_files_are_reported(weights, blender, published):
    published.status = 404
    try:
        with pytest.raises(RuntimeError, match=r"does not have StyleHEAT_visual\.pt"):
            blender.ops.heat.fetch_weights(accept=True, accept_by_name=True)
    finally:
        published.status = 200
    assert "does not have StyleHEAT_visual.pt" in told_in_preferences(blender).text
    (weights / "hfgi.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(RuntimeError, match=r"not sound: hfgi\.pth"):
        blender.ops.heat.verify_weights()


def test_offline_preference_is_respected(weights, blender):
    blender.context.preferences.system.use_online_access = False
    if blender.app.online_access:
        pytest.skip("this Blender was started with online access")
    with pytest.raises(RuntimeError, match="stay offline"):
        blender.ops.heat.fetch_weights(accept=True, accept_by_name=True)


def test_cancel_stops_soon(tmp_path):
    script = "import time; print('{}', flush=True); time.sleep(600)"
    run = weights_command.WeightsRun((sys.executable, "-c", script), {}, "done")
    run.cancel()
    assert run.wait(30).state == "cancelled"


def test_progress_is_read_line_by_line():
    start = weights_command.WeightsStatus("running", 0.0, "Starting")
    line = json.dumps({"step": "file", "what": "fetching hfgi.pth", "done": 25e6, "total": 100e6})
    status = weights_command.advanced(start, line)
    assert (status.fraction, status.text) == (0.25, "Fetching hfgi.pth: 25 of 100 MB")
    assert weights_command.advanced(status, "ok    hfgi.pth") == status


def test_a_backend_that_is_too_old_is_reported():
    from blender_addon import bridge

    with pytest.raises(bridge.errors.MissingHere, match="another version than the add-on"):
        weights_command.ask((sys.executable, "-c", "print('{}')"), {})
    with pytest.raises(bridge.errors.MissingHere, match="There is no command"):
        code = "import sys; sys.exit('error: there is no command weights')"
        weights_command.ask((sys.executable, "-c", code), {})


def test_named_folder_reaches_the_backend(addon, monkeypatch, tmp_path):
    from blender_addon.backend import choose
    from blender_addon.data import preferences

    monkeypatch.setenv("HEAT_BACKEND_PYTHON", sys.executable)
    assert "HEAT_WEIGHTS" not in choose.choice().environment
    preferences.current().weights_folder = str(tmp_path)
    assert choose.choice().environment["HEAT_WEIGHTS"] == str(tmp_path)


def test_engines_of_the_backend_are_suggested(backend):
    from blender_addon.backend import choose
    from blender_addon.core import engines

    with choose.ready().client() as client:
        assert set(client.server["engines"]) <= set(engines.names())
    assert "stand_in" in engines.names()
