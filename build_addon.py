# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack the add-on, the bridge and a wheel of the backend into one installable extension zip.

The zip holds ``blender_addon/`` at its root, ``bridge/`` beside it, and what "Set Up Backend"
works with: in ``wheels/`` the backend and pip (Blender's Python may have none), in ``locks/``
the lock file with all else and the sizes of its downloads. The same sources give the same bytes,
whoever builds them. pip's wheel is fetched once, into ``.cache/wheels``, and checked by its hash.

With ``--bundle`` all wheels of the lock for one system and Python lie in ``wheels/`` too, for
machines without internet; ``wheels/bundle.json`` says for which.

Usage: ``python build_addon.py [--out dist] [--blender PATH] [--bundle linux-x86_64 3.13]``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

from tools import environments

ROOT = Path(__file__).resolve().parent
SHIPPED_SUFFIXES = frozenset({".py", ".toml", ".json", ".npz", ".md", ".txt", ".png", ".glsl"})
WHEEL_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "bridge", "heat_backend")
LOCK_FILES = ("default.txt", "sizes.json")
CACHED_WHEELS = ROOT / ".cache" / "wheels"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# pip's names of the systems for which the lock has wheels: glibc 2.28 is that of Debian 10 and
# RHEL 8, which Blender asks for as well; onnxruntime's wheels begin at macOS 14.
GLIBC_TAGS = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014")
PLATFORM_TAGS = {
    "windows-x86_64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64",),
    "linux-x86_64": tuple(f"{glibc}_x86_64" for glibc in GLIBC_TAGS),
    "linux-aarch64": tuple(f"{glibc}_aarch64" for glibc in GLIBC_TAGS),
}
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


def locked_hashes(lock: Path) -> frozenset[str]:
    """SHA-256 digests (hexadecimal) of all files that a lock lets through."""
    return frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", lock.read_text("utf-8")))


def download(lock: Path, folder: Path, *options: str) -> None:
    """Have pip download the wheels of a lock, each checked by its hash.

    Raises
    ------
    BuildError
        If pip fails; carries the end of its output.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--require-hashes", "--no-deps", "--only-binary", ":all:", *options]
    command += ["--dest", str(folder), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(f"pip could not download the wheels of {lock.name}:\n{tail}")


def pip_wheel(root: Path = ROOT, folder: Path = CACHED_WHEELS) -> Path:
    """Find the pip that the add-on carries, downloaded at the first call.

    Returns
    -------
    Path
        The wheel that ``locks/pip.txt`` pins.
    """
    lock = root / "locks" / "pip.txt"
    folder.mkdir(parents=True, exist_ok=True)
    hashes = locked_hashes(lock)
    for fetched in (False, True):
        for wheel in sorted(folder.glob("pip-*.whl")):
            if hashlib.sha256(wheel.read_bytes()).hexdigest() in hashes:
                return wheel
        if not fetched:
            download(lock, folder)
    raise BuildError(f"pip downloaded no wheel that {lock.name} lets through")


def bundled_wheels(work: Path, platform: str, python: str, root: Path = ROOT) -> list[Path]:
    """Download all wheels of the default set for one system and one Python.

    Parameters
    ----------
    work : Path
        An empty folder for them.
    platform : str
        A key of `PLATFORM_TAGS`.
    python : str
        Such as ``3.13``.
    root : Path
        The checkout.

    Returns
    -------
    list of Path
        The wheels, and ``bundle.json``.
    """
    options = [word for tag in PLATFORM_TAGS[platform] for word in ("--platform", tag)]
    options += ["--python-version", python, "--implementation", "cp"]
    download(root / "locks" / "default.txt", work, *options)
    described = work / "bundle.json"
    described.write_text(json.dumps({"platform": platform, "python": python}) + "\n", "utf-8")
    return sorted(work.iterdir())


def write_zip(target: Path, members: Iterable[tuple[str, Path]]) -> None:
    """Write the archive whole: under a passing name first, then renamed over the old one."""
    partial = target.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, path in members:
            entry = zipfile.ZipInfo(name, date_time=ZIP_DATE)
            packed = path.suffix == ".whl"  # a zip itself
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when built on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, path.read_bytes())
    partial.replace(target)


def validator_command(blender: str | None) -> list[str] | None:
    """Find Blender's own extension validator: in a Blender, else in an environment with bpy."""
    if blender:
        return [blender, "--background", "--factory-startup", "--command", "extension", "validate"]
    python = environments.blender_python()
    if python is None:
        return None
    scripts = python.parents[1].glob("lib/python*/site-packages/bpy/**/bl_pkg/cli/blender_ext.py")
    return next(([str(python), str(script), "validate"] for script in scripts), None)


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
        return "not validated: neither a Blender nor an environment with bpy is here"
    done = subprocess.run([*command, str(package)], capture_output=True, text=True, check=False)
    report = (done.stdout + done.stderr).strip()
    if done.returncode != 0 or "success parsing toml" not in report.lower():
        raise BuildError(f"Blender's extension validator refused {package.name}:\n{report}")
    return f"validated by {'Blender' if blender else 'the extension validator of bpy'}"


def build(
    out: Path,
    blender: str | None = None,
    root: Path = ROOT,
    bundle: tuple[str, str] | None = None,
) -> Path:
    """Build ``out/heat-<version>.zip`` and validate it; returns its path.

    Parameters
    ----------
    out : Path
        Folder of the zip, made if absent.
    blender : str, optional
        The Blender that validates it.
    root : Path
        The checkout.
    bundle : (str, str), optional
        System and Python whose wheels the zip carries; they stand in its name.
    """
    version = extension_version(root)
    out.mkdir(parents=True, exist_ok=True)
    name = "-".join(("heat", version, *((bundle[0], f"py{bundle[1]}") if bundle else ())))
    target = out / f"{name}.zip"
    with tempfile.TemporaryDirectory(prefix="heat-build-") as folder:
        work = Path(folder)
        carried = [build_wheel(work, root), pip_wheel(root)]
        if bundle:
            (work / "bundle").mkdir()
            carried += bundled_wheels(work / "bundle", *bundle, root)
        members = [*shipped_files(root), *((f"wheels/{path.name}", path) for path in carried)]
        members += [(f"locks/{name}", root / "locks" / name) for name in LOCK_FILES]
        write_zip(target, sorted(members))
    print(f"{target} ({target.stat().st_size / 1e6:.1f} MB), {validate(target, blender)}")
    return target


def main() -> int:
    """Build from the command line; 0 done, 1 with one line that says why not."""
    parser = argparse.ArgumentParser(description="Build Heat's extension zip.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--blender", help="validate with this Blender instead of bpy's validator")
    parser.add_argument(
        "--bundle", nargs=2, metavar=("PLATFORM", "PYTHON"),
        help=f"carry all wheels for a system ({', '.join(PLATFORM_TAGS)}) "
             f"and a Python ({', '.join(PYTHONS)})",
    )  # fmt: skip
    arguments = parser.parse_args()
    bundle = tuple(arguments.bundle) if arguments.bundle else None
    if bundle and (bundle[0] not in PLATFORM_TAGS or bundle[1] not in PYTHONS):
        parser.error(
            f"--bundle takes one of {', '.join(PLATFORM_TAGS)} and one of {', '.join(PYTHONS)}"
        )
    try:
        build(arguments.out, arguments.blender, bundle=bundle)
    except BuildError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
