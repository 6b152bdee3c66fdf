# SPDX-License-Identifier: GPL-3.0-or-later
"""``make`` with any Python: which one it takes, and what it says where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, whose environment script only tells how it was called."""
    folder = tmp_path / "checkout"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "tools" / "environments.py").write_text(
        "import sys; print('CALLED', *sys.argv[1:])\n"
    )
    return folder


def python(path: Path, version: tuple[int, int], able: bool = True) -> Path:
    """Write a stand-in for a Python of a version, with or without venv and ensurepip."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.version_info = {(*version, 0, 'final', 0)}\n"
        f"if not {able}:\n    sys.modules['ensurepip'] = None\n"
        "if sys.argv[1] == '-c':\n    exec(sys.argv[2])\n"
        "else:\n    del sys.argv[0]; exec(open(sys.argv[0]).read())\n"
    )
    path.chmod(0o755)
    return path


def make(folder: Path, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``make environment`` with the stand-ins of a folder first on PATH."""
    # A make that runs these tests hands its own variables down.
    variables = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PYTHON")}
    tools = path / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    for name in ("make", "sh", "bash", "sed", "uname"):
        found = shutil.which(name)
        if found and not (tools / name).exists():
            (tools / name).symlink_to(found)
    return subprocess.run(
        ["make", *arguments, "environment"],
        cwd=folder, env={**variables, "PATH": f"{path}:{tools}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13), (3, 14)])
def test_any_python_from_3_11_to_3_14_makes_the_environment(
    checkout: Path, tmp_path: Path, version: tuple[int, int]
) -> None:
    python(tmp_path / "bin" / "python3", version)
    done = make(checkout, tmp_path / "bin")
    assert done.returncode == 0, done.stderr
    assert "CALLED --python python3 main" in done.stdout


def test_of_several_the_first_that_can_is_taken(checkout: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin" / "python3.11", (3, 11), able=False)
    python(tmp_path / "bin" / "python3.12", (3, 12))
    python(tmp_path / "bin" / "python3.13", (3, 13))
    done = make(checkout, tmp_path / "bin")
    assert "CALLED --python python3.12 main" in done.stdout
    assert errors(done) == []


def test_a_python_without_venv_is_reported_in_one_line(checkout: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin" / "python3", (3, 13), able=False)
    done = make(checkout, tmp_path / "bin")
    assert done.returncode != 0
    (line,) = errors(done)
    assert "sudo apt install python3.13-venv" in line


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_another_python_is_reported_in_one_line(
    checkout: Path, tmp_path: Path, version: tuple[int, int]
) -> None:
    wrong = python(tmp_path / "bin" / "python3", version)
    for arguments in ((), (f"PYTHON={wrong}",)):
        done = make(checkout, tmp_path / "bin", *arguments)
        assert done.returncode != 0
        (line,) = errors(done)
        assert line.startswith("error: ")
        assert "Python 3.11 to 3.14" in line
        assert ("PYTHON=" + str(wrong) in line) == bool(arguments)
        assert "CALLED" not in done.stdout


def test_a_python_that_is_named_beside_an_environment_of_another_is_reported(
    checkout: Path, tmp_path: Path
) -> None:
    named = python(tmp_path / "bin" / "python3.12", (3, 12))
    inside = checkout / ".venv" / "bin" / "python"
    inside.parent.mkdir(parents=True)
    inside.write_text("#!/bin/sh\necho /somewhere/else\n")
    inside.chmod(0o755)
    done = make(checkout, tmp_path / "bin", f"PYTHON={named}")
    assert done.returncode == 0, done.stderr
    assert "note: .venv was made with another Python" in done.stdout
