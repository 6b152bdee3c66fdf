# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkout's environments: which Python each takes, and what is said where there is none."""

import dataclasses
import sys
from pathlib import Path

import pytest

from tools import environments

THIS = "{}.{}".format(*sys.version_info[:2])


def stand_in(path: Path, version: str, able: bool = True) -> Path:
    """Write a program that answers as a Python of a version does when it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{'' if able else 'exit 1'}\necho {version} {path}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on PATH and nothing of pyenv's, until a test puts it there."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    return tmp_path


def test_a_python_is_found_on_path_and_among_those_of_pyenv(machine: Path) -> None:
    assert environments.find_python(("3.77",), None) is None
    kept = stand_in(machine / "pyenv" / "versions" / "3.77.1" / "bin" / "python3.77", "3.77")
    assert environments.find_python(("3.77",), None) == kept
    first = stand_in(machine / "bin" / "python3.77", "3.77")
    assert environments.find_python(("3.77",), None) == first
    named = stand_in(machine / "elsewhere" / "python", "3.77")
    assert environments.find_python(("3.77",), str(named)) == named


def test_one_that_cannot_make_environments_or_is_another_is_passed_over(machine: Path) -> None:
    stand_in(machine / "bin" / "python3.77", "3.77", able=False)
    assert environments.find_python(("3.77",), None) is None
    kept = stand_in(machine / "pyenv" / "versions" / "3.77.1" / "bin" / "python3.77", "3.77")
    assert environments.find_python(("3.77",), str(machine / "bin" / "python3.77")) == kept


def test_an_environment_without_its_python_is_left_out_with_a_line(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = dataclasses.replace(
        environments.ENVIRONMENTS["bpy53"], folder=".venv-none", pythons=("3.77",)
    )
    monkeypatch.setitem(environments.ENVIRONMENTS, "bpy53", wanted)
    assert not environments.make_if_possible("bpy53")
    told = capsys.readouterr().out
    assert told == "note: no Python 3.77 with its venv module is here: .venv-none is left out\n"
    assert not wanted.path.exists()


def test_every_environment_has_its_lock_and_all_locks_have_hashes_and_no_index() -> None:
    for environment in environments.ENVIRONMENTS.values():
        lock = (environments.ROOT / "locks" / f"{environment.lock}.txt").read_text("utf-8")
        pinned = [line for line in lock.splitlines() if "==" in line]
        assert pinned
        assert lock.count("--hash=sha256:") >= len(pinned)
        assert "://" not in lock
        assert "torch" not in {line.partition("==")[0] for line in pinned}
