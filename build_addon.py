# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack the add-on, the bridge and a wheel of the backend into one installable extension zip.

The zip holds ``blender_addon/`` at its root, ``bridge/`` beside it, and the backend as
``backend_dist/heat-<version>-py3-none-any.whl``, from which the add-on's "Set up backend"
makes an environment of its own. The same sources give the same bytes, whoever builds them.

Usage: ``python build_addon.py [--out dist] [--blender PATH]``
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SHIPPED_SUFFIXES = frozenset({".py", ".toml", ".json", ".npz", ".md", ".txt", ".png", ".glsl"})
WHEEL_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "bridge", "heat_backend")
# Zip cannot tell a date before 1980; a fixed one keeps the archive's bytes reproducible.
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
EPOCH_1980 = "315532800"


class BuildError(Exception):
    """The zip cannot be built; the message says what to mend."""


def extension_version(root: Path = ROOT) -> str:
    """Read the version that the manifest and pyproject.toml must agree on.

    Raises
    ------
    BuildError
        If the two differ.
    """
    manifest = tomllib.loads((root / "blender_addon" / "blender_manifest.toml").read_text("utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    if manifest["version"] != project["version"]:
        raise BuildError(
            f"blender_manifest.toml says version {manifest['version']}, "
            f"pyproject.toml says {project['version']}: make them the same"
        )
    return str(manifest["version"])


def shipped_files(root: Path = ROOT) -> list[tuple[str, Path]]:
    """List the sources of the zip.

    Returns
    -------
    list of (str, Path)
        Name in the archive and file on disk, sorted by name.
    """
    found = [("LICENSE", root / "LICENSE"), ("NOTICE", root / "NOTICE")]
    for folder, prefix in (("blender_addon", ""), ("bridge", "bridge/")):
        base = root / folder
        for path in base.rglob("*"):
            inner = path.relative_to(base)
            hidden = any(part.startswith((".", "__pycache__")) for part in inner.parts)
            if path.is_file() and not hidden and path.suffix in SHIPPED_SUFFIXES:
                found.append((prefix + inner.as_posix(), path))
    return sorted(found)


def build_wheel(work: Path, root: Path = ROOT) -> Path:
    """Build the backend's wheel, without network, from a clean copy of its sources.

    A copy, because setuptools leaves a ``build/`` folder behind, and packs what an earlier
    build left in it.

    Parameters
    ----------
    work : Path
        An empty folder for the copy and the wheel.
    root : Path
        The checkout.

    Raises
    ------
    BuildError
        If pip fails; carries the end of its output.
    """
    sources = work / "sources"
    sources.mkdir()
    for name in WHEEL_SOURCES:
        origin = root / name
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
            shutil.copytree(origin, sources / name, ignore=ignored)
        else:
            shutil.copyfile(origin, sources / name)
    command = [sys.executable, "-m", "pip", "wheel", str(sources), "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(work)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH_1980}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wheels = list(work.glob("heat-*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(f"pip could not build the backend's wheel:\n{tail}")
    return wheels[0]


def write_zip(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Write the archive whole: under a passing name first, then renamed over the old one."""
    partial = target.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in members:
            entry = zipfile.ZipInfo(name, date_time=ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when built on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())
    partial.replace(target)


def validator_command(blender: str | None) -> list[str] | None:
    """Find Blender's own extension validator: in a Blender, else in the ``bpy`` module."""
    if blender:
        return [blender, "--background", "--factory-startup", "--command", "extension", "validate"]
    spec = importlib.util.find_spec("bpy")  # located, not imported
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.rglob("bl_pkg/cli/blender_ext.py"))
    return [sys.executable, str(found[0]), "validate"] if found else None


def validate(package: Path, blender: str | None = None) -> str:
    """Have Blender's validator read the zip.

    Returns
    -------
    str
        One line that says who checked it.

    Raises
    ------
    BuildError
        If the validator refuses the package.
    """
    command = validator_command(blender)
    if command is None:
        return "not validated: neither a Blender nor the bpy module is here"
    done = subprocess.run([*command, str(package)], capture_output=True, text=True, check=False)
    report = (done.stdout + done.stderr).strip()
    if done.returncode != 0 or "success parsing toml" not in report.lower():
        raise BuildError(f"Blender's extension validator refused {package.name}:\n{report}")
    return f"validated by {'Blender' if blender else 'the extension validator of bpy'}"


def build(out: Path, blender: str | None = None, root: Path = ROOT) -> Path:
    """Build ``out/heat-<version>.zip`` and validate it; returns its path."""
    version = extension_version(root)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"heat-{version}.zip"
    with tempfile.TemporaryDirectory(prefix="heat-build-") as work:
        wheel = build_wheel(Path(work), root)
        members = [*shipped_files(root), (f"backend_dist/{wheel.name}", wheel)]
        write_zip(target, sorted(members))
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB), {validate(target, blender)}")
    return target


def main() -> int:
    """Build from the command line; 0 done, 1 with one line that says why not."""
    parser = argparse.ArgumentParser(description="Build Heat's extension zip.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--blender", help="validate with this Blender instead of bpy's validator")
    arguments = parser.parse_args()
    try:
        build(arguments.out, arguments.blender)
    except BuildError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
