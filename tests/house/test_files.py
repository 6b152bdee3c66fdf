# SPDX-License-Identifier: GPL-3.0-or-later
"""What may stand in the repository: sizes, names, licence lines, no trace of one machine."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from demo.__main__ import MADE
from heat_backend.cli.main import build_parser, commands
from tools.environments import LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1_000_000
SPDX = "# SPDX-License-Identifier: GPL-3.0-or-later"
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "stuff"}
DATA_SUFFIXES = {".npz", ".npy", ".png", ".jpg", ".mp4", ".json", ".wav", ".blend", ".zip", ".whl"}
# Spelt in pieces, so that this file does not find itself.
MACHINE_PATH = re.compile("/(" + "|".join(("work", "farm", "root", "home")) + ")/[a-z]")


def tracked() -> list[Path]:
    """Files of the checkout that git tracks, or would with the next ``git add``."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout: the list of its own files is unknown")
    names = done.stdout.decode().split("\0")
    return [ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def python_sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def test_every_source_names_its_licence_first() -> None:
    missing = []
    for path in python_sources():
        lines = path.read_text("utf-8").splitlines()[:2]
        start = lines[1:] if lines and lines[0].startswith("#!") else lines
        if not start or start[0] != SPDX:
            missing.append(str(path.relative_to(ROOT)))
    assert not missing


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = [p for p in python_sources() if {p.stem, *p.relative_to(ROOT).parts} & VAGUE_NAMES]
    assert not found


def test_every_package_folder_has_an_init() -> None:
    """The wheel and the zip are packed by package: a folder without one would be left out."""
    for house in ("bridge", "blender_addon", "heat_backend"):
        folders = {p.parent for p in python_sources() if p.is_relative_to(ROOT / house)}
        assert not [f for f in folders if not (f / "__init__.py").is_file()]


def test_no_file_is_over_5_megabytes() -> None:
    assert not [str(p) for p in tracked() if p.stat().st_size > 5 * MEGABYTE]


def test_data_in_all_is_under_40_megabytes() -> None:
    data = [path for path in tracked() if path.suffix.lower() in DATA_SUFFIXES]
    assert sum(path.stat().st_size for path in data) < 40 * MEGABYTE


def test_no_file_names_a_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        raw = path.read_bytes()
        if b"\0" in raw[:8000]:
            continue
        for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found


def test_readme_commands_stand_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    readme = (ROOT / "README.md").read_text("utf-8")
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z][a-z-]*)", readme, re.M))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_readme_and_ci_name_the_system_libraries_that_make_tells() -> None:
    for name in ("README.md", ".ci/run"):
        words = set(re.findall(r"[\w.-]+", (ROOT / name).read_text("utf-8")))
        assert not set(LIBRARIES.split()) - words, name


def test_readme_links_lead_to_files() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", readme)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_readme_names_what_the_demo_leaves_and_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    left = (*MADE, "astronaut.png", "demo.log")
    assert not [name for name in left if f"`out/{name}`" not in readme]
    named = set(re.findall(r"(?:^ {4}|`|bin/)heat ([a-z]+)", readme, re.M))
    assert named == {command.name for command in commands()}


def test_readme_examples_use_options_that_the_commands_have() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    lines = re.findall(r"^ {4}heat (.+?)(?: +#.*)?$", readme, re.M)
    assert len(lines) >= 8
    for line in lines:
        build_parser().parse_args(shlex.split(line))


def test_architecture_page_names_places_that_exist() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text("utf-8")
    places = set(re.findall(r"`((?:blender_addon|bridge|heat_backend|tools|tests)/[\w/.]+)`", page))
    assert len(places) > 40
    assert not sorted(place for place in places if not (ROOT / place).exists())
