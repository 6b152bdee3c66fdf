# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip that users install: whole, clean, reproducible, accepted by Blender."""

import io
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
    assert [n for n in names if n.startswith("backend_dist/heat-") and n.endswith("-any.whl")]
    assert not [n for n in names if "__pycache__" in n or n.endswith(".pyc") or "/." in n]


def test_backend_wheel_holds_everything_that_the_backend_reads(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".whl"))
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
