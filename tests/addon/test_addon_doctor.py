# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of this machine on the preferences' page: each line, and the button that mends it."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.addon.test_addon_panels import Drawn, context

pytest.importorskip("bpy")

from blender_addon import bridge
from blender_addon.jobs import doctor_job
from bridge import checks
from bridge.checks import MISSING, OK, OPTIONAL, WARNING, Check, Report

BACKEND = """
import json, sys
assert sys.argv[1:] == ["doctor", "--json"], sys.argv
print("a library speaks")
print(json.dumps({rows!r}))
sys.exit({status})
"""


@pytest.fixture
def sound(tmp_path):
    """A machine on which nothing is wrong."""
    return doctor_job.Situation("OWN", tmp_path, 0.0, True, True, None)


def found(situation, asked=None):
    return {check.name: check for check in doctor_job.all_checks(situation, asked)}


def answer(*rows, version=None):
    return lambda: Report(version or doctor_job.addon_version(), rows)


def page(addon, job_checks=(), whole=True, show_checks=False):
    """Draw the page's lines for what a check has found."""
    from blender_addon.jobs import background_jobs
    from blender_addon.panels import doctor_lines

    job = doctor_job.known()
    background_jobs.wait(job)
    job.checks, job.whole = tuple(job_checks), whole
    layout = Drawn()
    doctor_lines.draw(layout, context(), SimpleNamespace(show_checks=show_checks))
    return layout


def test_a_sound_machine_has_no_complaint(sound):
    lines = found(sound, answer(Check("numpy", OK, "2.4.6")))
    assert {check.state for check in lines.values()} == {OK}
    assert {"python", "secure connections", "online access", "local connections",
            "add-on's data folder", "backend", "versions", "numpy"} == set(lines)  # fmt: skip


def test_each_line_names_its_button(sound, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    cases = {
        "backend": replace(sound, missing="The backend is not set up yet"),
        "backend process": replace(sound, failed="The backend keeps on stopping"),
        "online access": replace(sound, online=False),
        "add-on's data folder": replace(sound, data=tmp_path / "file"),
    }
    told = {name: found(situation)[name] for name, situation in cases.items()}
    assert told["backend"].remedy == checks.SET_UP and told["backend"].state == MISSING
    assert told["backend process"].remedy == checks.RESTART_BACKEND
    assert told["online access"].remedy == doctor_job.ALLOW_ONLINE
    assert told["online access"].state == OPTIONAL
    assert told["add-on's data folder"].remedy == checks.OPEN_FOLDER
    full = found(replace(sound, needed_gb=1e9))["add-on's data folder"]
    assert (full.state, full.remedy) == (WARNING, checks.OPEN_FOLDER)

    def refuse(*_arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(bridge.machine_checks.socket, "create_connection", refuse)
    blocked = found(sound)["local connections"]
    assert (blocked.state, blocked.remedy) == (MISSING, checks.CHECK_AGAIN)
    monkeypatch.setitem(sys.modules, "ssl", None)
    assert found(sound)["secure connections"].state == WARNING
    assert "secure connections" not in found(replace(sound, downloads=False))


def test_a_set_up_of_another_blender_is_reported(sound, tmp_path):
    from blender_addon.core.setup import setup_lock

    there = replace(sound, setup_lock=tmp_path / "setup.lock")
    assert "set-up" not in found(there)
    assert not there.setup_lock.exists()  # a check leaves nothing
    held = setup_lock.claim(there.setup_lock)
    line = found(there)["set-up"]
    assert (line.state, line.remedy) == (WARNING, checks.CHECK_AGAIN)
    assert "Another Blender is setting up" in line.detail
    held.release()
    assert "set-up" not in found(there)


def test_what_does_not_fit_any_more_and_what_never_will(sound):
    stale = replace(sound, stale="The backend was set up for Python 3.11, Blender now has 3.13")
    line = found(stale)["environment"]
    assert (line.state, line.remedy) == (WARNING, checks.SET_UP)
    assert "3.13" in line.detail
    line = found(replace(sound, refused="The backend needs macOS 14"))["machine"]
    assert (line.state, line.remedy) == (MISSING, "")
    assert "environment" not in found(replace(stale, kind="EXISTING"))


def test_versions_that_differ_are_reported(sound):
    (line,) = (c for n, c in found(sound, answer(version="9.9")).items() if n == "versions")
    assert (line.state, line.remedy) == (WARNING, checks.SET_UP)
    assert doctor_job.addon_version() in line.detail and "9.9" in line.detail


def test_a_backend_that_does_not_answer_is_reported(sound):
    def asked():
        raise bridge.errors.MissingHere("The backend does not run: no such file")

    line = doctor_job.all_checks(sound, asked)[-1]
    assert (line.name, line.state, line.remedy) == ("backend", MISSING, checks.SET_UP)
    assert "no such file" in line.detail


def test_another_environment_is_mended_by_its_own_command(sound):
    torch = Check("torch", MISSING, "not installed", "pip install torch", checks.ADD_NETWORKS)
    weights = Check("weights", OPTIONAL, "none", "heat weights fetch", checks.FETCH_WEIGHTS)
    lines = found(replace(sound, kind="EXISTING"), answer(torch, weights))
    assert (lines["torch"].remedy, lines["torch"].mend) == ("", "pip install torch")
    assert lines["weights"].remedy == checks.FETCH_WEIGHTS
    assert "python" not in lines  # Blender's own does not matter there


def test_the_page_shows_what_is_wrong_with_its_button(addon, blender):
    rows = [
        Check("numpy", OK, "2.4.6"),
        Check("torch", OPTIONAL, "not installed", "pip install torch", checks.ADD_NETWORKS),
        Check("cache", MISSING, "read-only", "chmod", checks.OPEN_FOLDER, "/cache"),
        Check("backend", MISSING, "not set up yet", "", checks.SET_UP),
    ]
    layout = page(addon, rows)
    assert "Cache: read-only What helps: chmod" in layout.text
    assert "Numpy" not in layout.text
    assert "pip install" not in layout.text  # the button does that, and not in Blender's Python
    buttons = layout.of("operator")
    assert buttons == ["heat.doctor", "heat.open_folder", "heat.setup_backend", "heat.add_networks"]
    assert "Check Everything tries" not in layout.text
    layout = page(addon, rows, whole=False, show_checks=True)
    assert "Numpy: 2.4.6" in layout.text
    assert "Check Everything tries" in layout.text


def test_every_remedy_has_a_button_that_exists(addon, blender):
    for remedy in (*checks.REMEDIES, doctor_job.ALLOW_ONLINE):
        layout = page(addon, [Check("x", MISSING, "y", "z", remedy, "/")])
        room, name = layout.of("operator")[1].split(".")
        getattr(getattr(blender.ops, room), name).get_rna_type()  # raises where there is none


def test_without_a_backend_the_machine_is_still_looked_at(addon, blender):
    layout = page(addon, doctor_job.start(whole=False).checks)
    assert layout.of("operator")[0] == "heat.doctor"
    job = doctor_job.start()
    from blender_addon.jobs import background_jobs

    background_jobs.wait(job)
    lines = {check.name: check for check in job.checks}
    assert lines["local connections"].state == OK
    assert lines["backend"].remedy == checks.SET_UP


def test_a_backend_that_came_is_seen_without_a_click(addon, blender, tmp_path, monkeypatch):
    from blender_addon.backend import choose, owner
    from blender_addon.jobs import background_jobs

    def lines():
        job = doctor_job.known()
        background_jobs.wait(job)
        return {check.name: check.state for check in job.checks}, job

    before, first = lines()
    assert before["backend"] == MISSING
    assert lines()[1] is first  # nothing has changed: no look again at each drawing
    choice = owner.LocalBackend((sys.executable, "serve"), {}, tmp_path / "log")
    monkeypatch.setattr(choose, "choice", lambda: choice)
    choose.forget_missing()
    assert lines()[0]["backend"] == OK


@pytest.mark.parametrize("status", [0, 4])
def test_the_backends_lines_reach_the_page(addon, blender, tmp_path, monkeypatch, status):
    from blender_addon.backend import choose, owner
    from blender_addon.jobs import background_jobs

    row = {"name": "numba", "state": "missing" if status else "ok", "detail": "not installed",
           "mend": "pip install numba", "remedy": "set_up", "colour": "red"}  # fmt: skip
    program = tmp_path / "backend.py"
    program.write_text(
        BACKEND.format(rows={"ok": not status, "version": "0.0.1", "checks": [row]}, status=status)
    )
    choice = owner.LocalBackend((sys.executable, str(program), "serve"), {}, tmp_path / "log")
    monkeypatch.setattr(choose, "choice", lambda: choice)
    choose.forget_missing()
    assert blender.ops.heat.doctor() == {"FINISHED"}
    lines = {check.name: check for check in background_jobs.find("doctor").checks}
    assert lines["numba"].remedy == checks.SET_UP
    assert lines["versions"].state == WARNING
    assert "0.0.1" in lines["versions"].detail
