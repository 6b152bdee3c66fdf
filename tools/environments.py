# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the environments of this checkout from its lock files; quick when they are there.

==========  ===========================================================================
main        ``.venv``, on any Python of `MAIN_PYTHONS`: Heat itself and what its tests need
networks    torch, into ``.venv``: of the version in pyproject.toml, from the user's index
py313       ``.venv-py313``: the same as main on Python 3.13, which new Blenders bring
bpy42 ...   ``.venv-bpy42`` and so on: Blender as a module, on the one Python it is made for
bpy         ``.venv-bpy50``, or where that cannot be had ``.venv-bpy53``
==========  ===========================================================================

An environment is made anew when its lock changed. All but main are made where this machine has
the Python they need; where it has not, a line says so. Standard library only: any Python of
`MAIN_PYTHONS` runs this before there is an environment.

Usage: ``python tools/environments.py [--python PATH] NAME ...``
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAIN_PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# What a user's pip settings may not do here: send packages somewhere else than the environment.
NOT_OURS = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_CONSTRAINT", "PYTHONPATH", "PYTHONHOME")
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LIBRARIES = (
    "libgl1 libegl1 libsm6 libxi6 libxrender1 libxfixes3 libxkbcommon0 libglib2.0-0 libgomp1"
)
"""What bpy and OpenCV load on Debian and Ubuntu, absent on a machine without a desktop."""


class UnavailableError(Exception):
    """An environment cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Environment:
    """An environment of this checkout."""

    folder: str
    lock: str
    pythons: tuple[str, ...]
    imports: str  # must work in it
    holds_heat: bool
    size: str

    @property
    def path(self) -> Path:
        """Folder of the environment."""
        return ROOT / self.folder

    @property
    def python(self) -> Path:
        """Its interpreter, there or not."""
        return self.path / "bin" / "python"


def _bpy(number: str, python: str) -> Environment:
    return Environment(f".venv-bpy{number}", f"bpy{number}", (python,), "bpy", False, "1 GB")


ENVIRONMENTS = {
    "main": Environment(".venv", "dev", MAIN_PYTHONS, "cv2", True, "1 GB"),
    "py313": Environment(".venv-py313", "dev", ("3.13",), "cv2", True, "1 GB"),
    "bpy42": _bpy("42", "3.11"),
    "bpy45": _bpy("45", "3.11"),
    "bpy50": _bpy("50", "3.11"),
    "bpy53": _bpy("53", "3.13"),
}


def blender_python() -> Path | None:
    """Interpreter of this checkout that has Blender as a module; None if there is none.

    Of several the one whose .blend files most people can open among those of Blender 5.
    """
    for name in ("bpy50", "bpy53", "bpy45", "bpy42"):
        environment = ENVIRONMENTS[name]
        if environment.python.is_file() and (environment.path / ".ready").is_file():
            return environment.python
    return None


def find_python(versions: tuple[str, ...], given: str | None) -> Path | None:
    """Find an interpreter of one of these versions that can make environments.

    Looks at the given one, at this one, at PATH, and at what pyenv has installed.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates: list[str | Path] = [given] if given else []
    candidates.append(sys.executable)
    for version in versions:
        candidates.append(f"python{version}")
        candidates += sorted(pyenv.glob(f"{version}.*/bin/python{version}"), reverse=True)
    for candidate in candidates:
        found = _base_interpreter(candidate)
        if found is not None and found[0] in versions:
            return found[1]
    return None


def _base_interpreter(candidate: str | Path) -> tuple[str, Path] | None:
    """Version of an interpreter that has venv and ensurepip, and the one it is based on."""
    code = (
        "import ensurepip, sys, venv; "
        "print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    )
    command = [str(candidate), "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    version, _, path = done.stdout.strip().partition(" ")
    return (version, Path(path)) if done.returncode == 0 else None


def make(name: str, given: str | None) -> None:
    """Make an environment, or mend it, unless it is as its lock says.

    Raises
    ------
    UnavailableError
        There is no Python for it, or pip failed.
    """
    environment = ENVIRONMENTS[name]
    ready = environment.path / ".ready"
    lock = ROOT / "locks" / f"{environment.lock}.txt"
    locked = _digest(lock)
    wanted = f"{locked} {_digest(ROOT / 'pyproject.toml')}" if environment.holds_heat else locked
    has = ready.read_text("utf-8") if ready.is_file() and environment.python.is_file() else ""
    if has == wanted:
        return
    if has.partition(" ")[0] != locked:
        python = find_python(environment.pythons, given)
        if python is None:
            versions = " or ".join(environment.pythons)
            raise UnavailableError(f"no Python {versions} with its venv module is here")
        print(f"environment: {environment.folder} (about {environment.size})", flush=True)
        ready.unlink(missing_ok=True)
        _run([python, "-m", "venv", "--clear", environment.path], "make an environment")
        pip(environment, "--require-hashes", "--no-deps", "--requirement", lock)
    if environment.holds_heat:
        pip(environment, "--no-deps", "--no-index", "--no-build-isolation", "--editable", ROOT)
    tried = [str(environment.python), "-c", f"import {environment.imports}"]
    if subprocess.run(tried, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise UnavailableError(
            f"{environment.imports} does not load, most often for want of system libraries: "
            f"sudo apt install {LIBRARIES}"
        )
    ready.write_text(wanted, "utf-8")


def make_if_possible(name: str) -> bool:
    """Make an environment; a line says why it is left out where it cannot be made."""
    try:
        make(name, None)
    except UnavailableError as problem:
        print(f"note: {problem}: {ENVIRONMENTS[name].folder} is left out", flush=True)
        return False
    return True


def add_networks(needed: bool) -> None:
    """Install torch and what goes with it into the main environment, where it can be had.

    On Linux without an NVIDIA card only a CPU build will do: the other brings gigabytes.
    ``TORCH_INDEX`` names the index with such builds, empty for the user's own indexes alone.

    Parameters
    ----------
    needed : bool
        Try although an earlier try failed, and fail if this one does.

    Raises
    ------
    UnavailableError
        It is needed, and could not be installed.
    """
    environment = ENVIRONMENTS["main"]
    noted = environment.path / ".networks"
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    pins = re.findall(r'"((?:torch|safetensors)==[^"]+)"', project)
    wanted = " ".join(pins)
    has = noted.read_text("utf-8") if noted.is_file() else ""
    if has == wanted or (has == f"no {wanted}" and not needed):
        return
    options: list[str] = []
    if sys.platform == "linux" and not shutil.which("nvidia-smi"):
        pins = [f"{pin}+cpu" if pin.startswith("torch==") else pin for pin in pins]
        index = os.environ.get("TORCH_INDEX", TORCH_CPU_INDEX)
        options = ["--retries", "0", *(["--extra-index-url", index] if index else [])]
    print(f"  {pins[0]} ...", flush=True)
    try:
        pip(environment, *options, *pins, quiet=not needed)
    except UnavailableError:
        noted.write_text(f"no {wanted}", "utf-8")
        if needed:
            raise
        print(f"note: {pins[0]} is not to be had here: tests of the networks are skipped")
        return
    noted.write_text(wanted, "utf-8")


def pip(environment: Environment, *arguments: str | Path, quiet: bool = False) -> None:
    """Run the environment's pip install; errors are shown, warnings about an index are not."""
    command = ["-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    _run(
        [environment.python, *command, "--only-binary", ":all:", *arguments],
        "install from your index",
        quiet,
    )


def _run(command: list[str | Path], what: str, quiet: bool = False) -> None:
    variables = {key: value for key, value in os.environ.items() if key not in NOT_OURS}
    errors = subprocess.DEVNULL if quiet else None
    try:
        subprocess.run(command, cwd=ROOT, env=variables, stderr=errors, check=True)
    except (subprocess.CalledProcessError, OSError) as failed:
        raise UnavailableError(f"could not {what}: what was said stands above") from failed


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> int:
    """Make the named environments; 1 with one line when what must be there is not."""
    parser = argparse.ArgumentParser(description="Make this checkout's environments.")
    parser.add_argument("names", nargs="+", choices=(*ENVIRONMENTS, "bpy", "networks", "networks?"),
                        metavar="NAME", help="main, networks (networks? where it can be had), "
                        "py313, bpy, bpy42, bpy45, bpy50, bpy53")  # fmt: skip
    parser.add_argument("--python", help="the Python to make the main environment with")
    arguments = parser.parse_args()
    try:
        for name in arguments.names:
            if name == "main":
                make(name, arguments.python)
            elif name.startswith("networks"):
                add_networks(needed=not name.endswith("?"))
            elif name == "bpy":
                _ = blender_python() or make_if_possible("bpy50") or make_if_possible("bpy53")
            else:
                make_if_possible(name)
    except UnavailableError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
