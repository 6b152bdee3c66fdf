# SPDX-License-Identifier: GPL-3.0-or-later
"""Setting up on disks and in folders that make trouble, with kills, and beside another Blender."""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest

from blender_addon import bridge
from blender_addon.core.setup import environment, machine, packed, patience, removal, setup_run
from blender_addon.core.setup.places import Places
from tests.addon.small_wheels import DOCTOR, make_backend

pytestmark = pytest.mark.any_blender  # nothing of bpy is used

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plan(setup_plan, index):
    """A plan that installs from a folder: quick, and nothing is asked of a network."""
    return replace(setup_plan, wheel_folder=index.wheels)


def run(plan):
    task = setup_run.SetupRun(plan)
    task.start()
    return task.wait(120)


def look(plan):
    return environment.look(plan.places, plan.brought)


def works(plan):
    found = look(plan).runnable()
    return subprocess.run([*found.command, "doctor", "--json"], capture_output=True).returncode == 0


def test_a_new_environment_takes_over_only_when_it_is_whole(plan, small_addon):
    assert look(plan).state == environment.UNFINISHED  # pip is there
    assert run(plan).state == "done"
    old = look(plan)
    broken = 'import sys\nprint(\'{"checks": [{"name": "face", "state": "missing",'
    broken += ' "detail": "no model"}]}\')\nsys.exit(4)\n'
    make_backend(small_addon / "wheels", "9.10", broken)
    newer = replace(plan, brought=packed.find(small_addon))
    assert look(newer).state == environment.STALE and "another version" in look(newer).reason
    status = run(newer)
    assert status.text == "The backend was installed, but face: no model"
    assert look(newer).folder == old.folder and works(newer)
    make_backend(small_addon / "wheels", "9.11", DOCTOR)
    newest = replace(plan, brought=packed.find(small_addon))
    assert run(newest).state == "done"
    assert look(newest).state == environment.READY and old.folder.is_dir()
    setup_run.clean(newest.places)
    assert not old.folder.exists() and works(newest)
    assert len(list(newest.places.environments.iterdir())) == 2  # with the file that points


def test_blender_with_another_python_offers_to_renew(plan):
    assert run(plan).state == "done"
    mark = next(plan.places.environments.glob("e*/heat_environment.json"))
    values = json.loads(mark.read_text("utf-8"))
    mark.write_text(json.dumps({**values, "python": "3.10"}), "utf-8")
    found = look(plan)
    assert found.state == environment.STALE and "set up for Python 3.10" in found.reason
    assert found.runnable() is None
    # A Blender beside the updated one keeps the old Python, and the environment serves on.
    other = shutil.copy(sys.executable, plan.places.data / "python-of-another-blender")
    mark.write_text(json.dumps({**values, "python": "3.10", "interpreter": str(other)}), "utf-8")
    assert look(plan).runnable().command[0] == str(other)
    assert run(plan).state == "done" and look(plan).state == environment.READY


def test_the_launcher_refuses_another_python(tmp_path):
    (tmp_path / "packages").mkdir()
    environment.write_launcher(tmp_path, "3.10")
    command = environment.at(tmp_path, sys.executable).command
    done = subprocess.run([*command, "doctor"], capture_output=True, text=True)
    assert done.stderr == "error: the backend was set up for Python 3.10: set it up again\n"


def test_an_environment_of_the_first_version_is_renewed(plan):
    old = plan.places.environments
    (old / "bin").mkdir(parents=True)
    (old / "bin" / "python").touch()
    (old / "heat_environment.json").write_text('{"wheel": "heat-0.1.0.whl"}', "utf-8")
    assert look(plan).state == environment.STALE and "earlier version" in look(plan).reason
    assert run(plan).state == "done"
    setup_run.clean(plan.places)
    assert sorted(path.name for path in old.iterdir()) == ["current.json", "e1"]


def test_a_folder_of_200_letters(plan, tmp_path):
    data = tmp_path / ("long " * 20) / ("ünd läng " * 12)
    assert len(str(data)) > 200
    places = Places(data)
    places.work.mkdir(parents=True)
    pip = next(plan.places.work.glob("pip-*"))
    (places.work / pip.name).symlink_to(pip.resolve())
    long = replace(plan, places=places)
    assert run(long).state == "done", places.log.read_text("utf-8")
    assert works(long)


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="needs a folder that nobody can write")
def test_a_read_only_user_folder_is_reported(plan):
    task = setup_run.SetupRun(replace(plan, places=Places(Path("/sys/heat"))))
    with pytest.raises(bridge.errors.BadInput, match=r"/sys/heat cannot be written: "):
        task.start()


def test_a_full_disk_is_reported_before_anything_is_done(plan, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: type("U", (), {"free": 1.0})())
    monkeypatch.setattr(setup_run, "needed", lambda _: packed.Size(200.0, 900.0))
    with pytest.raises(bridge.errors.BadInput, match=r"0\.0 GB left.* 0\.9 GB: make room"):
        setup_run.SetupRun(plan).start()
    assert not plan.places.environments.exists()


def test_a_disk_that_fills_up_on_the_way(plan, tmp_path):
    disk = tmp_path / "small disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("no small disk can be made here")
    try:
        places = Places(disk / "heat")
        places.work.mkdir(parents=True)
        pip = next(plan.places.work.glob("pip-*"))
        (places.work / pip.name).symlink_to(pip.resolve())
        filler = disk / "filler"
        free = shutil.disk_usage(disk).free
        filler.write_bytes(bytes(free - 20000))
        small = replace(plan, places=places)
        status = run(small)
        assert status.state == "failed" and status.text.startswith("The disk is full: make room")
        filler.unlink()
        assert run(small).state == "done", places.log.read_text("utf-8")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_file_that_is_held_loses_nothing(plan, monkeypatch):
    assert run(plan).state == "done"
    old = look(plan).folder
    held = old / "packages" / "heat_dependency.py"
    real = os.unlink

    def unlink(path, *arguments, **named):
        if str(path).endswith(held.name) and held.exists():
            raise PermissionError(13, "The file is used by another process", str(path))
        return real(path, *arguments, **named)

    tries = []

    def replace_file(self, target, real=Path.replace):
        if target.name == "current.json" and len(tries) < 2:
            tries.append(target)
            raise PermissionError(13, "The file is used by another process", str(target))
        return real(self, target)

    monkeypatch.setattr(os, "unlink", unlink)
    monkeypatch.setattr(Path, "replace", replace_file)
    assert run(plan).state == "done"
    setup_run.clean(plan.places)
    assert len(tries) == 2 and held.exists()
    assert look(plan).folder != old and works(plan)
    monkeypatch.undo()
    setup_run.clean(plan.places)
    assert not old.exists() and works(plan)


def test_one_blender_at_a_time(plan):
    holding = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(f"""
            import sys; sys.path.insert(0, {str(ROOT)!r})
            from pathlib import Path
            from blender_addon.core.setup import setup_lock
            lock = setup_lock.claim(Path({str(plan.places.lock)!r}))
            print("held", flush=True)
            sys.stdin.read()
        """)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holding.stdout.readline() == b"held\n"
        with pytest.raises(bridge.errors.BadInput) as refused:
            setup_run.SetupRun(plan).start()
        assert f"Another Blender is setting up the backend (process {holding.pid} on" in str(
            refused.value
        )
    finally:
        holding.kill()
        holding.wait()
    assert plan.places.lock.exists()  # left by the dead one
    assert run(plan).state == "done"


def test_cancel_stops_soon_and_the_next_goes_on(plan):
    task = setup_run.SetupRun(plan)
    task.start()
    task.cancel()
    assert task.wait(60).state == "cancelled"
    assert run(plan).state == "done"


KILLED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from blender_addon.core.setup import packed, setup_run
from blender_addon.core.setup.places import Places
plan = setup_run.SetupPlan(Places(Path({data!r})), packed.find(Path({addon!r})))
task = setup_run.SetupRun(plan)
task.start()
print("begun", flush=True)
print(task.wait(120).state, flush=True)
setup_run.clean(plan.places)
"""


@pytest.mark.slow
def test_killed_at_ten_random_moments_it_works_again(setup_plan, index, small_addon):
    assert run(setup_plan).state == "done"
    duration = _killed(setup_plan, small_addon, None)
    chance = random.Random(13)
    make_backend(small_addon / "wheels", "9.10")
    plan = replace(setup_plan, brought=packed.find(small_addon))
    for _ in range(10):
        _killed(plan, small_addon, chance.uniform(0.0, duration))
        found = look(plan)
        assert found.state in {environment.STALE, environment.READY}
        assert works(plan)  # the old one or, where the kill came late, the new one
    status = run(plan)
    assert status.state == "done", plan.places.log.read_text("utf-8")
    setup_run.clean(plan.places)
    assert look(plan).state == environment.READY and works(plan)
    assert len(list(plan.places.environments.iterdir())) == 2


def _killed(plan, addon, after):
    """Set up in a process of its own, killed after some seconds; return how long it ran."""
    script = KILLED.format(root=str(ROOT), data=str(plan.places.data), addon=str(addon))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "begun\n"
        began = time.monotonic()
        if after is None:
            assert process.stdout.readline() == "done\n"
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        return time.monotonic() - began


def test_pythons_own_modules_stay_as_they_are(plan):
    def hashes():
        roots = {Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
        return {
            path: hashlib.sha256(path.read_bytes()).hexdigest()
            for root in roots
            for path in root.rglob("*.py")
            if path.is_file() and path.parent.name in {"numpy", "_pytest", "pytest", "requests"}
        }

    def names():
        return {p for root in map(Path, sys.path) if root.is_dir() for p in root.iterdir()}

    before = hashes(), names()
    assert before[0]
    assert run(plan).state == "done"
    assert (hashes(), names()) == before


def test_removal_leaves_nothing_and_tells_sizes(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    assert run(plan).state == "done"
    removal.backend_cache().mkdir(parents=True)
    (removal.backend_cache() / "portrait.npz").write_bytes(bytes(3_000_000))
    motion = plan.places.data / "motion"
    motion.mkdir()
    found = removal.items(plan.places, motion)
    sizes = {item.name: round(item.megabytes) for item in found}
    assert sizes["The backend's cache"] == 3 and "Environment" in sizes and "Logs" in sizes
    assert removal.remove(plan.places, found) == []
    assert "MB are free again" in removal.outcome(found, [])
    assert look(plan).state == environment.ABSENT
    assert not any(plan.places.data.iterdir()) and not removal.backend_cache().exists()
    with pytest.raises(bridge.errors.MissingHere, match="close other Blenders"):
        removal.outcome(found, [tmp_path / "held.dll"])


def test_removal_reaches_read_only_files(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"12345")
    (folder / "file").chmod(0o400)
    assert patience.tree_bytes(tmp_path / "a") == 5
    assert patience.remove_tree(tmp_path / "a") == [] and not (tmp_path / "a").exists()


def test_machines_that_cannot_have_it_are_reported():
    data = Path("/Volumes/data/heat")
    intel = machine.Machine("darwin", "x86_64", (14, 2))
    assert "Intel" in machine.complaint(intel, data)
    old = machine.Machine("darwin", "arm64", (13, 6))
    assert "needs macOS 14 or newer, this is 13.6" in machine.complaint(old, data)
    assert machine.complaint(machine.Machine("darwin", "arm64", (14, 0)), data) is None
    long = Path("C:/" + "x" * 180)
    windows = machine.Machine("win32", "AMD64", (), long_paths=False)
    assert "LongPathsEnabled" in machine.complaint(windows, long)
    assert machine.complaint(replace(windows, long_paths=True), long) is None
    assert machine.complaint(windows, Path("C:/Users/me/AppData/Roaming/Blender")) is None
