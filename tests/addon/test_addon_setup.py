# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up the backend's environment, for real but for the network: from small local wheels."""

import base64
import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from blender_addon import bridge
from blender_addon.core.setup import environment, interpreter, pip_output, setup_run, torch_build

DOCTOR = """
import json, sys
assert sys.argv[1:] == ["doctor", "--json"], sys.argv
import heat_dependency
print(json.dumps({"ok": True, "checks": [{"name": "all", "state": "ok", "detail": ""}]}))
"""


def make_wheel(folder: Path, name: str, version: str, files: dict[str, str], needs=()) -> Path:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    contents = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    contents[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


@pytest.fixture
def wheels(tmp_path):
    """Two wheels: a backend, and the one package it needs."""
    make_wheel(tmp_path / "wheels", "heat_dependency", "1.0", {"heat_dependency.py": ""})
    return make_wheel(
        tmp_path / "addon" / "wheels",
        "heat",
        "9.9",
        {"heat_backend/__init__.py": "", "heat_backend/__main__.py": DOCTOR},
        ["heat_dependency==1.0", 'pytest==1.0 ; extra == "dev"'],
    )


@pytest.fixture
def plan(wheels, tmp_path):
    return setup_run.SetupPlan(
        folder=tmp_path / "user data é" / "backend",
        wheel=wheels,
        interpreter=interpreter.Interpreter((sys.executable,), sys.version_info[:2], "named"),
        build=torch_build.choose("CPU", "linux", False),
        wheel_folder=tmp_path / "wheels",
        log_path=tmp_path / "user data é" / "setup.log",
    )


def run(plan):
    task = setup_run.SetupRun(plan)
    task.start()
    return task.wait(300)


def test_makes_an_environment_and_repairs_an_aborted_one(plan):
    assert environment.state_of(plan.folder, plan.wheel) == environment.ABSENT
    status = run(plan)
    assert status.state == "done", plan.log_path.read_text()
    assert status.fraction == 1.0
    assert environment.state_of(plan.folder, plan.wheel) == environment.READY
    python = environment.python_in(plan.folder)
    assert python.exists() and "heat_dependency" in plan.log_path.read_text()
    # Aborted: the mark is missing and half of a package is gone.
    environment.remove_mark(plan.folder)
    next(plan.folder.rglob("site-packages/heat_backend/__main__.py")).unlink()
    assert environment.state_of(plan.folder, plan.wheel) == environment.UNFINISHED
    assert run(plan).state == "done", plan.log_path.read_text()
    assert environment.state_of(plan.folder, plan.wheel) == environment.READY
    # Another version of the add-on brings another wheel.
    newer = make_wheel(plan.wheel.parent, "heat", "9.10", {"heat_backend/__init__.py": ""})
    assert environment.state_of(plan.folder, newer) == environment.OUTDATED


def test_a_missing_package_is_named(plan):
    next(plan.wheel_folder.glob("heat_dependency*")).unlink()
    status = run(plan)
    assert status.state == "failed"
    assert status.text == "heat_dependency==1.0 is not offered for this Python and system"
    assert environment.state_of(plan.folder, plan.wheel) == environment.UNFINISHED


def test_a_backend_that_does_not_work_is_not_called_ready(plan):
    broken = DOCTOR.replace(
        '"state": "ok", "detail": ""', '"state": "missing", "detail": "no face"'
    )
    broken = broken.replace('"ok": True', '"ok": False') + "\nsys.exit(4)\n"
    files = {"heat_backend/__init__.py": "", "heat_backend/__main__.py": broken}
    make_wheel(plan.wheel.parent, "heat", "9.9", files, ["heat_dependency==1.0"])
    status = run(plan)
    assert (status.state, status.text) == ("failed", "The backend was installed, but all: no face")


def test_cancel_stops_soon_and_a_second_blender_waits(plan):
    task = setup_run.SetupRun(plan)
    task.start()
    lock = plan.folder / environment.LOCK_NAME
    assert lock.exists()
    # The lock of a process that lives keeps others out, that of a dead one does not.
    lock.write_text(str(os.getppid()))
    with pytest.raises(bridge.errors.BadInput, match="Another Blender"):
        setup_run.SetupRun(plan).start()
    began = time.monotonic()
    task.cancel()
    assert task.wait(60).state == "cancelled"
    assert time.monotonic() - began < 30
    assert environment.state_of(plan.folder, plan.wheel) in {
        environment.ABSENT,
        environment.UNFINISHED,
    }


def test_full_disk_is_told_before_anything_is_done(plan, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(setup_run.shutil, "disk_usage", lambda _: type("U", (), {"free": 5e8})())
    with pytest.raises(bridge.errors.BadInput, match=r"0\.5 GB left.*make room"):
        setup_run.SetupRun(replace(plan, wheel_folder=None)).start()
    assert not plan.folder.exists()


def test_operator_sets_up_and_the_backend_is_found(addon, blender, plan, monkeypatch):
    from blender_addon.backend import choose
    from blender_addon.data import preferences

    monkeypatch.setattr(choose, "addon_folder", lambda: plan.wheel.parents[1])
    monkeypatch.setattr(preferences, "data_folder", lambda: plan.log_path.parent)
    prefs = preferences.current()
    prefs.base_python, prefs.wheel_folder = sys.executable, str(plan.wheel_folder)
    assert choose.missing() is not None
    assert blender.ops.heat.setup_backend() == {"FINISHED"}
    assert choose.missing() is None
    assert choose.choice().command[0] == str(environment.python_in(plan.folder))


def test_offline_preference_is_respected(addon, blender):
    from blender_addon.data import preferences
    from blender_addon.jobs import setup_job

    if blender.app.online_access:
        pytest.skip("this Blender allows online access")
    with pytest.raises(RuntimeError, match="stay offline"):
        blender.ops.heat.setup_backend()
    prefs = preferences.current()
    prefs.wheel_folder = "/nowhere/at/all"
    with pytest.raises(bridge.errors.BadInput, match="is not there"):
        setup_job.plan(prefs)
    prefs.wheel_folder = "/tmp"  # a checkout brings no wheel
    with pytest.raises(bridge.errors.MissingHere, match="brings no backend"):
        setup_job.plan(prefs)


class Machine:
    """A machine with some interpreters on it."""

    def __init__(self, **found):
        self.found = found
        self.versions = {f"/bin/{name}": version for name, version in found.items()}

    def which(self, name):
        return f"/bin/{name}" if name in self.found else None

    def probe(self, command):
        version = self.versions.get(command[0])
        if version and len(version) > 2:
            return interpreter.Probe(version[:2], version[2])
        return interpreter.Probe(version, "" if version else "does not run")

    def find(self, named="", own="", platform="linux"):
        return interpreter.find(
            named, own=own, probe_with=self.probe, which=self.which, platform=platform
        )


def test_interpreters_are_taken_in_the_documented_order():
    machine = Machine(**{"named": (3, 12), "python3.11": (3, 11), "own": (3, 11), "uv": None})
    assert machine.find("/bin/named", "/bin/own").origin == "named"
    assert machine.find("", "/bin/own").command == ("/bin/python3.11",)
    machine = Machine(**{"python3": (3, 13), "own": (3, 11), "uv": None})
    assert machine.find("", "/bin/own").origin == "blender"
    machine = Machine(**{"python3": (3, 13), "own": (3, 13), "uv": None})
    assert machine.find("", "/bin/own").origin == "uv"
    machine = Machine(**{"python": (3, 12)})
    assert machine.find().command == ("/bin/python",)


def test_what_to_install_is_said():
    with pytest.raises(
        bridge.errors.MissingHere, match=r"3\.11 or 3\.12 was found.*python3\.11-venv"
    ):
        Machine(python3=(3, 14)).find()
    with pytest.raises(bridge.errors.MissingHere, match=r"install the package python3\.11-venv"):
        Machine(**{"python3.11": (3, 11, interpreter.LACKS_VENV)}).find()
    with pytest.raises(bridge.errors.MissingHere, match=r"No Python 3\.11 or 3\.12"):
        Machine(python3=(3, 13, interpreter.LACKS_VENV)).find()
    with pytest.raises(bridge.errors.MissingHere, match=r"python\.org"):
        Machine().find(platform="win32")
    with pytest.raises(bridge.errors.MissingHere, match=r"is Python 3\.14, but 3\.11 or 3\.12"):
        Machine(named=(3, 14)).find("/bin/named")
    with pytest.raises(bridge.errors.MissingHere, match="does not run"):
        Machine().find("/bin/named")


def test_a_real_interpreter_is_probed():
    assert interpreter.probe((sys.executable,)).version == sys.version_info[:2]
    assert interpreter.probe(("/nowhere/python",)).version is None


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


def test_torch_comes_from_its_own_index_and_falls_back(plan, tmp_path):
    from dataclasses import replace

    wheel = make_wheel(tmp_path / "w", "heat", "1.0", {}, ["numpy==1.26.4", "torch==2.13.0"])
    steps = setup_run.steps_of(replace(plan, wheel=wheel, wheel_folder=None))
    torch = next(step for step in steps if step.label == "Installing PyTorch")
    assert torch.command[-3:] == ("torch==2.13.0", "--index-url", torch_build.CPU_INDEX)
    assert torch.or_else[-1] == "torch==2.13.0"
    assert steps[-1].command[1:] == ("-m", "heat_backend", "doctor", "--json")
    assert steps[-1].start + steps[-1].share == pytest.approx(1.0)


def test_progress_is_read_from_pip():
    progress = pip_output.PipProgress()
    seen = []
    for line in (
        "Collecting torch==2.13.0",
        "  Downloading torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl (190.0 MB)",
        "Progress 95000000 of 190000000",
        "Collecting numpy",
        "Downloading numpy-1.26.4-cp311-cp311-manylinux.whl.metadata (61 kB)",
        "Downloading numpy-1.26.4-cp311-cp311-manylinux.whl (18.0 MB)",
        "Installing collected packages: numpy, torch",
        "Successfully installed numpy-1.26.4 torch-2.13.0",
    ):
        progress = pip_output.advance(progress, line, 208.0)
        seen.append((round(progress.fraction, 2), progress.text))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert seen[1] == (0.0, "Downloading torch (190 MB)")
    assert seen[2][0] == pytest.approx(0.41, abs=0.01)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left", "full"),
        ("NewConnectionError: Failed to establish a new connection: [Errno -3]", "network"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "read-only"),
        ("SSLError(SSLCertVerificationError CERTIFICATE_VERIFY_FAILED", "certificates"),
        ("something odd", "the log says why"),
    ],
)
def test_failures_are_told_in_a_sentence(said, word):
    assert word in pip_output.explain(said, "Installing")
