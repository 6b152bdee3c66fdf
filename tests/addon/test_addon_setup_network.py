# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up from a package index that misbehaves, from folders, and with the user's settings."""

import json
import os
import subprocess
from dataclasses import replace

import pytest

from blender_addon import bridge
from blender_addon.core.setup import (
    environment,
    interpreter,
    package_source,
    packed,
    pip_output,
    setup_run,
    torch_build,
)
from tests.addon.small_wheels import make_backend, make_wheel

pytestmark = pytest.mark.any_blender  # nothing of bpy is used


def run(plan):
    task = setup_run.SetupRun(plan)
    task.start()
    return task.wait(120)


def state(plan):
    return environment.look(plan.places, plan.brought).state


def describe(plan, variables=None):
    """Run the backend's program that tells what it runs with."""
    found = environment.look(plan.places, plan.brought).runnable()
    done = subprocess.run(
        [*found.command, "describe"],
        env={**os.environ, **(variables or {}), **found.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_from_an_index_named_in_pip_conf(setup_plan, index, small_addon):
    status = run(setup_plan)
    assert status.state == "done", setup_plan.places.log.read_text("utf-8")
    assert (status.fraction, state(setup_plan)) == (1.0, environment.READY)
    assert {path.split("/")[2] for path in index.asked if "/simple/" in path} == {
        "heat-dependency",
        "heat-other",
    }
    log = setup_plan.places.log.read_text("utf-8")
    assert f"Packages come from {index.url}" in log
    setup_run.clean(setup_plan.places)
    assert not setup_plan.places.work.exists()
    assert sorted(p.name for p in setup_plan.places.environments.iterdir()) == [
        "current.json",
        "e1",
    ]


def test_no_network_names_what_to_do_and_the_second_try_goes_on(setup_plan, index):
    index.cut = {"heat-other"}  # lost half way
    status = run(setup_plan)
    assert status.state == "failed"
    assert "heat-other 2.0 could not be fetched" in status.text and "is kept" in status.text
    assert [w.name for w in setup_plan.places.wheels.glob("*.whl")] == [
        "heat_dependency-1.0-py3-none-any.whl"
    ]
    assert state(setup_plan) == environment.UNFINISHED
    index.cut.clear()
    index.asked.clear()
    assert run(setup_plan).state == "done"
    assert not any("heat_dependency" in path for path in index.asked)


def test_nothing_answers(setup_plan, index):
    index.close()
    status = run(setup_plan)
    assert status.state == "failed" and "cannot be reached" in status.text


def test_a_proxy_that_answers_with_a_log_in_page(setup_plan, index):
    index.html = True
    status = run(setup_plan)
    assert status.state == "failed"
    assert "Log in to the network" in status.text and "was not found" in status.text


def test_an_index_that_lacks_a_package_names_it(setup_plan, index):
    index.lacks = {"heat-other"}
    status = run(setup_plan)
    assert status.state == "failed" and status.text.startswith("heat-other 2.0 was not found")
    make_wheel(index.wheels, "heat_other", "2.5", {})
    (index.wheels / "heat_other-2.0-py3-none-any.whl").unlink()
    index.lacks.clear()
    status = run(setup_plan)
    assert status.text.startswith("heat-other 2.0 is not offered for this Python and system")


def test_altered_packages_are_refused(setup_plan, index):
    index.altered = {"heat-dependency"}
    status = run(setup_plan)
    assert status.state == "failed"
    assert status.text.startswith("heat-dependency 1.0 arrived altered and was refused")
    assert not list(setup_plan.places.wheels.glob("heat_dependency*"))
    assert state(setup_plan) == environment.UNFINISHED


def test_a_proxy_in_pip_conf_is_used_and_its_password_hidden(setup_plan, index, tmp_path):
    text = (
        "[global]\nindex-url = http://name:secret@studio.invalid/simple\nextra-index-url =\n"
        f"proxy = http://me:word@{index.host}\ntrusted-host = studio.invalid\nretries = 0\n"
    )
    (tmp_path / "pip.conf").write_text(text, "utf-8")
    status = run(setup_plan)
    log = setup_plan.places.log.read_text("utf-8")
    assert status.state == "done", log
    assert any(path.startswith("http://studio.invalid/simple/") for path in index.asked)
    assert "secret" not in log and "word" not in log
    assert "Packages come from http://****@studio.invalid/simple" in log
    assert f"Through the proxy http://****@{index.host}" in log


def test_settings_that_lead_astray_do_not_count(setup_plan, index, tmp_path, monkeypatch):
    decoy = tmp_path / "decoy"
    make_wheel(tmp_path / "w", "heat_dependency", "0.1", {})
    (decoy / "heat_backend").mkdir(parents=True)
    (decoy / "heat_backend" / "__init__.py").write_text("raise SystemExit('decoy')", "utf-8")
    (decoy / "heat_dependency.py").write_text("raise SystemExit('decoy')", "utf-8")
    limits = tmp_path / "limits.txt"
    limits.write_text("heat-dependency==0.1\n", "utf-8")
    astray = {
        "PIP_TARGET": str(decoy),
        "PIP_USER": "1",
        "PIP_PREFIX": str(decoy),
        "PIP_ROOT": str(decoy),
        "PIP_CONSTRAINT": str(limits),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PYTHONPATH": str(decoy),
        "PYTHONHOME": str(decoy),
        "PYTHONSTARTUP": str(decoy / "heat_dependency.py"),
        "PYTHONUSERBASE": str(decoy),
    }
    for name, value in astray.items():
        monkeypatch.setenv(name, value)
    with (tmp_path / "pip.conf").open("a", encoding="utf-8") as settings:
        settings.write(f"constraint = {limits}\n[install]\ntarget = {decoy}\nuser = true\n")
    status = run(setup_plan)
    log = setup_plan.places.log.read_text("utf-8")
    assert status.state == "done", log
    assert "do not count here: " in log and "constraint" in log and "target" in log
    assert sorted(p.name for p in decoy.iterdir()) == ["heat_backend", "heat_dependency.py"]
    said = describe(setup_plan, astray)
    folder = str(setup_plan.places.environments)
    assert said["here"].startswith(folder) and said["flags"] == [1, 1]
    assert not [path for path in said["path"] if "site-packages" in path or "decoy" in path]
    assert said["variables"]["PYTHONPATH"].startswith(folder)
    assert "PYTHONHOME" not in said["variables"]


def test_from_a_folder_of_wheels_nothing_is_asked(setup_plan, index):
    plan = replace(setup_plan, wheel_folder=index.wheels, online=False)
    assert run(plan).state == "done", plan.places.log.read_text("utf-8")
    assert not index.asked


def test_a_folder_that_lacks_a_wheel_names_it(setup_plan, index):
    next(index.wheels.glob("heat_other*")).unlink()
    status = run(replace(setup_plan, wheel_folder=index.wheels))
    assert status.state == "failed" and "has no fitting wheel of heat-other 2.0" in status.text


def test_a_bundle_needs_no_network(setup_plan, index):
    for wheel in index.wheels.glob("*.whl"):
        wheel.rename(setup_plan.brought.wheels / wheel.name)
    bundle = setup_plan.brought.wheels / "bundle.json"
    bundle.write_text('{"platform": "linux-x86_64", "python": "3.11"}', "utf-8")
    assert run(replace(setup_plan, online=False)).state == "done"
    assert not index.asked
    next(setup_plan.brought.wheels.glob("heat_other*")).unlink()  # as for another Python
    setup_run.clean(setup_plan.places)
    status = run(replace(setup_plan, online=False))
    assert status.state == "failed"
    assert "carries wheels for Python 3.11 on linux-x86_64. Blender is set to stay" in status.text
    assert "heat-other 2.0 is not here for Python" in status.text


def test_offline_without_wheels_is_reported(setup_plan, index):
    status = run(replace(setup_plan, online=False))
    assert status.state == "failed" and "set to stay offline" in status.text


def test_without_ssl_the_line_says_what_to_install(setup_plan, index, monkeypatch):
    real = interpreter.probe

    def without_ssl(path, pip_folder):
        return replace(real(path, pip_folder), lacks=frozenset({"ssl"}))

    monkeypatch.setattr(interpreter.find, "__kwdefaults__", {
        **interpreter.find.__kwdefaults__, "probe_with": without_ssl
    })  # fmt: skip
    status = run(setup_plan)
    assert status.state == "failed" and "cannot open secure connections" in status.text
    assert run(replace(setup_plan, wheel_folder=index.wheels)).state == "done"


def test_networks_are_added_beside_and_survive_a_new_backend(setup_plan, index, small_addon):
    index.cut = {"heat-network"}
    build = torch_build.choose("CPU", "linux", False)
    plan = replace(setup_plan, networks=build)
    status = run(plan)
    assert status.state == "failed" and "heat-network 3.0" in status.text
    found = environment.look(plan.places, plan.brought)
    assert (found.state, found.networks) == (environment.READY, None)  # the default is whole
    index.cut.clear()
    index.asked.clear()
    assert run(replace(plan, default=False)).state == "done"
    assert not any("heat-dependency" in path for path in index.asked)
    found = environment.look(plan.places, plan.brought)
    assert found.networks.torch_build == "CPU"
    setup_run.clean(plan.places)
    make_backend(small_addon / "wheels", "9.10")
    newer = replace(setup_plan, brought=packed.find(small_addon))
    assert state(newer) == environment.STALE
    assert run(newer).state == "done"
    setup_run.clean(plan.places)
    assert environment.look(newer.places, newer.brought).networks.torch_build == "CPU"
    assert any("n1" in path for path in describe(newer)["path"])


def test_settings_are_read_as_pip_ranks_them():
    source = package_source.read(
        "global.index-url='https://a/simple'\n"
        "global.extra-index-url='https://b/simple\\nhttps://u:p@c/simple'\n"
        "install.index-url='https://d/simple'\n"
        ":env:.cert='/x.pem'\nglobal.constraint='/y'\nglobal.quiet='1'\nnonsense\n"
    )
    assert source.settings == {
        "index-url": "https://d/simple",
        "extra-index-url": "https://b/simple https://u:p@c/simple",
        "cert": "/x.pem",
    }
    assert source.left_out == ("constraint",)
    told = source.lines({"https_proxy": "http://me:word@proxy:80"})
    assert told == [
        "Packages come from https://d/simple, https://b/simple, https://****@c/simple",
        "Through the proxy http://****@proxy:80",
        "Certificates: /x.pem",
        "Settings of pip that do not count here: constraint",
    ]
    variables = source.variables({"PIP_TARGET": "/t", "PYTHONPATH": "/p", "HTTPS_PROXY": "x"})
    assert variables["PIP_INDEX_URL"] == "https://d/simple"
    assert variables["PIP_CONFIG_FILE"] == os.devnull
    assert variables["HTTPS_PROXY"] == "x"
    assert "PIP_TARGET" not in variables and "PYTHONPATH" not in variables


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left", "full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno -3]", "network"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "read-only"),
        ("SSLError(SSLCertVerificationError CERTIFICATE_VERIFY_FAILED", "certificate"),
        ("ssl module is not available", "secure connections"),
        ("Tunnel connection failed: 407 Proxy Authentication Required", "HTTPS_PROXY"),
        ("OSError: [WinError 206] The filename or extension is too long", "long paths"),
        ("something odd", "the log says why"),
    ],
)
def test_failures_are_reported_in_a_sentence(said, word):
    assert word in pip_output.explain(said, "numpy 2.4.6", "linux")


def test_pythons_that_cannot_serve_are_reported(tmp_path):
    def probed(version):
        return {"probe_with": lambda _path, _pip: interpreter.Probe(version)}

    for version in ((3, 11), (3, 14)):
        found = interpreter.find("", tmp_path, own="/b", **probed(version))
        assert found.own and found.path == "/b"
    with pytest.raises(bridge.errors.MissingHere, match=r"Blender's Python is 3\.15, but one from"):
        interpreter.find("", tmp_path, own="/b", **probed((3, 15)))
    with pytest.raises(bridge.errors.MissingHere, match=r'\("/named"\) is 3\.10'):
        interpreter.find("/named", tmp_path, **probed((3, 10)))
    with pytest.raises(bridge.errors.MissingHere, match="does not run"):
        interpreter.find("/nowhere/python", tmp_path)
    with pytest.raises(bridge.errors.BadInput, match="whole path"):
        interpreter.find("python3.11", tmp_path, **probed((3, 11)))
