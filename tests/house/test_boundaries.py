# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports run one way: blender_addon -> bridge <- heat_backend."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("bridge", "blender_addon", "heat_backend")
BLENDER = {"bpy", "gpu", "mathutils", "bl_ext", "addon_utils", "gpu_extras", "bmesh", "blf"}
HEAVY = {"torch", "cv2", "onnxruntime", "scipy", "numba", "av", "PIL", "skimage", "safetensors"}


def sources(house: str) -> list[Path]:
    found = sorted((ROOT / house).rglob("*.py"))
    assert found, f"{house} holds no Python source"
    return found


def imported_roots(path: Path) -> dict[str, int]:
    """First part of every absolute import in a file -> its line."""
    roots: dict[str, int] = {}
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                names = [first.value]
        for name in names:
            roots.setdefault(name.split(".")[0], node.lineno)
    return roots


def _is_import_call(function: ast.expr) -> bool:
    name = getattr(function, "id", None) or getattr(function, "attr", None)
    return name in {"import_module", "__import__"}


def offences(house: str, forbidden: set[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {root}"
        for path in sources(house)
        for root, line in imported_roots(path).items()
        if root in forbidden
    ]


def test_bridge_is_standard_library_and_numpy() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {root}"
        for path in sources("bridge")
        for root, line in imported_roots(path).items()
        if root not in allowed
    ]
    assert not found


def test_addon_never_imports_the_backend_or_its_libraries() -> None:
    assert not offences("blender_addon", HEAVY | {"heat_backend"})


def test_backend_never_imports_blender_or_the_addon() -> None:
    assert not offences("heat_backend", BLENDER | {"blender_addon"})


@pytest.mark.parametrize("house", HOUSES)
def test_relative_imports_stay_inside_their_package(house: str) -> None:
    """A relative import may not climb out of its package."""
    for path in sources(house):
        depth = len(path.relative_to(ROOT / house).parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{path.relative_to(ROOT)}:{node.lineno} leaves {house}"


def test_only_the_add_on_and_its_tests_know_blender() -> None:
    """Blender's modules belong to the add-on, demo and bench that drive it, and their tests."""
    places = {"blender_addon", "demo", "bench", "tests", "docs"}
    for path in ROOT.glob("*.py"):
        assert not BLENDER & set(imported_roots(path)), path.name
    for folder in (p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if folder.name in places | {"build", "dist", "out"}:
            continue
        for path in folder.rglob("*.py"):
            assert not BLENDER & set(imported_roots(path)), path.relative_to(ROOT)
