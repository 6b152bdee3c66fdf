# SPDX-License-Identifier: GPL-3.0-or-later
"""``make`` with a Python of the user's choice: checked whether an environment is there or not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or sys.version_info[:2] != (3, 11),
    reason="needs make, and Python 3.11 to stand for the right one",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and an environment that was set up before."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / ".venv" / ".ready").touch()
    wrong = tmp_path / "python3.12"
    wrong.write_text("#!/bin/sh\nexit 1\n")
    wrong.chmod(0o755)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A make that runs these tests hands its own variables down.
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS")}
    return subprocess.run(
        ["make", *arguments, "environment"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_wrong_python_is_told_in_one_line_although_an_environment_is_there(
    checkout: Path,
) -> None:
    done = make(checkout, "PYTHON=./python3.12")
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("make"))
    assert line.startswith("error: PYTHON=./python3.12 is not Python 3.11")


def test_the_right_python_and_none_at_all_are_quiet(checkout: Path) -> None:
    for arguments in ((), (f"PYTHON={sys.executable}",)):
        done = make(checkout, *arguments)
        assert done.returncode == 0, done.stderr
        assert "note" not in done.stdout
        assert "error" not in done.stderr


def test_a_wrong_python_makes_no_environment(checkout: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    done = make(checkout, "PYTHON=./python3.12")
    assert done.returncode != 0
    assert "Python 3.11 is needed" in done.stderr
    assert not (checkout / ".venv").exists()
