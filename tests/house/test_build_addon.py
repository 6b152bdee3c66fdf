# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip that users install: whole, clean, reproducible, accepted by Blender."""

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path

import pytest

import build_addon

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_addon.build(tmp_path_factory.mktemp("dist"))


def test_same_sources_give_the_same_bytes(package: Path, tmp_path: Path) -> None:
    assert build_addon.build(tmp_path).read_bytes() == package.read_bytes()


def test_holds_addon_bridge_and_backend_and_no_caches(package: Path) -> None:
    names = zipfile.ZipFile(package).namelist()
    assert {"blender_manifest.toml", "__init__.py", "LICENSE", "bridge/__init__.py"} <= set(names)
    assert "bridge/PROTOCOL.md" in names
    assert "bridge/face_model.npz" in names
    assert len([n for n in names if n.startswith("wheels/heat-") and n.endswith("-any.whl")]) == 1
    assert not [n for n in names if "__pycache__" in n or n.endswith(".pyc") or "/." in n]


def test_holds_the_locked_pip_and_the_lock_and_the_sizes_it_tells(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        (pip,) = (n for n in archive.namelist() if n.startswith("wheels/pip-"))
        digest = hashlib.sha256(archive.read(pip)).hexdigest()
        assert f"sha256:{digest}" in (build_addon.ROOT / "locks" / "pip.txt").read_text("utf-8")
        lock = archive.read("locks/default.txt").decode("utf-8")
        sizes = json.loads(archive.read("locks/sizes.json"))
    assert "://" not in lock  # everyone installs from the index that they have
    names = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert set(sizes) == set(build_addon.PLATFORM_TAGS)
    for pythons in sizes.values():
        assert set(pythons) == set(build_addon.PYTHONS)
        assert all(set(found) == names for found in pythons.values())


def test_is_small_enough_to_hand_on(package: Path) -> None:
    assert package.stat().st_size <= 16e6


def test_a_wheel_that_the_lock_does_not_know_is_not_carried(tmp_path: Path) -> None:
    """A wheel in the cache that somebody else put there."""
    (tmp_path / "pip-99.0-py3-none-any.whl").write_bytes(b"not pip")
    wheel = build_addon.pip_wheel(folder=tmp_path)
    assert wheel.name != "pip-99.0-py3-none-any.whl"


def test_a_bundle_carries_its_wheels_and_says_for_which_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without network: pip's own download is what ``--bundle`` was tried with."""

    def download(_lock: Path, folder: Path, *options: str) -> None:
        assert "win_amd64" in options
        (folder / "numpy-2.4.6-cp313-cp313-win_amd64.whl").write_bytes(b"a wheel")

    build_addon.pip_wheel()
    monkeypatch.setattr(build_addon, "download", download)
    bundle = build_addon.build(tmp_path, bundle=("windows-x86_64", "3.13"))
    assert bundle.name.endswith("-windows-x86_64-py3.13.zip")
    with zipfile.ZipFile(bundle) as archive:
        told = json.loads(archive.read("wheels/bundle.json"))
        wheels = [n for n in archive.namelist() if n.startswith("wheels/") and n.endswith(".whl")]
    assert told == {"platform": "windows-x86_64", "python": "3.13"}
    assert len(wheels) == 3


def test_backend_wheel_holds_everything_that_the_backend_reads(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        (name,) = (n for n in archive.namelist() if n.startswith("wheels/heat-"))
        wheel = set(zipfile.ZipFile(io.BytesIO(archive.read(name))).namelist())
    for house in ("bridge", "heat_backend"):
        for path in (build_addon.ROOT / house).rglob("*"):
            if path.suffix in {".py", ".npz", ".json"} and "__pycache__" not in path.parts:
                assert path.relative_to(build_addon.ROOT).as_posix() in wheel


def test_validator_refuses_a_broken_package(package: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(package) as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            if name != "blender_manifest.toml":
                archive.writestr(name, whole.read(name))
    with pytest.raises(build_addon.BuildError, match="refused"):
        build_addon.validate(broken)


def test_versions_must_agree(tmp_path: Path) -> None:
    (tmp_path / "blender_addon").mkdir()
    (tmp_path / "blender_addon" / "blender_manifest.toml").write_text('version = "9.9.9"\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "0.1.0"\n')
    with pytest.raises(build_addon.BuildError, match=r"9\.9\.9"):
        build_addon.extension_version(tmp_path)
