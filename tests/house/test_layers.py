# SPDX-License-Identifier: GPL-3.0-or-later
"""Rooms lie in layers: imports run downward only, and neither folders nor files form a circle.

All imports are read, those inside functions and those for type checkers only as well.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bridge", "heat_backend", "blender_addon", "tools", "demo", "bench", "docs")

# Lowest first. A room may import rooms of earlier rows, and of its own row only itself.
BACKEND_LAYERS = (
    ("storage",),
    ("media",),
    ("inference",),
    ("geometry",),
    ("fit",),
    ("detect",),
    ("engines",),
    ("layers",),
    ("edits",),
    ("tracking",),
    ("matching",),
    ("speech",),
    ("export",),
    ("serve",),
    ("bench",),
    ("cli",),
    ("warp",),
    ("styleheat",),
    ("__main__",),
)
ADDON_LAYERS = (
    ("core",),
    ("versions", "text_lines"),
    ("data",),
    ("scene",),
    ("backend",),
    ("preview",),
    ("jobs",),
    ("operators",),
    ("properties", "panels"),
    ("registration",),
)
LAYERS = {"heat_backend": BACKEND_LAYERS, "blender_addon": ADDON_LAYERS}


@cache
def modules() -> dict[str, Path]:
    """Dotted name of every module of the product -> its file."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, frozenset[str]]:
    """Every module -> the modules of the product that it imports."""
    return {name: frozenset(_imported(name, path)) for name, path in modules().items()}


def _imported(module: str, path: Path) -> set[str]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - (node.level - 1)]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in modules() else base)
    return {name for name in found if name in modules() and name != module}


def room(module: str) -> str:
    """Folder directly below the package, or the module itself where it lies at the top."""
    return ".".join(module.split(".")[:2])


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            part = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(part) > 1:
                found.append(sorted(part))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_the_search_finds_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def test_no_files_import_each_other_in_a_circle() -> None:
    # A package's __init__ stands for what its modules share (`from .. import bridge`).
    leaves = {name for name, path in modules().items() if path.name != "__init__.py"}
    assert not circles({name: set(imports()[name]) & leaves for name in leaves})


def test_no_folders_import_each_other_in_a_circle() -> None:
    for depth in (2, 3):
        graph: dict[str, set[str]] = {}
        for module, targets in imports().items():
            own = _folder(module, depth)
            graph.setdefault(own, set()).update(_folder(t, depth) for t in targets)
        packages = {name for name in graph if "." not in name}
        plain = {a: {b for b in bs if b != a and b not in packages} for a, bs in graph.items()}
        assert not circles(plain)


def _folder(module: str, depth: int) -> str:
    path = modules()[module]
    parts = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    return ".".join(parts[:depth])


def test_imports_run_downward() -> None:
    upward = []
    for package, layers in LAYERS.items():
        rank = {f"{package}.{name}": row for row, names in enumerate(layers) for name in names}
        for module, targets in imports().items():
            if not module.startswith(f"{package}."):
                continue
            own = room(module)
            assert own in rank, f"{own} has no place in the layers of tests/house/test_layers.py"
            for target in targets:
                other = room(target)
                if other in rank and other != own and rank[other] >= rank[own]:
                    upward.append(f"{module} imports {target}")
    assert not upward


def test_core_of_the_addon_runs_without_blender() -> None:
    from tests.house.test_boundaries import BLENDER, imported_roots

    for path in (ROOT / "blender_addon" / "core").rglob("*.py"):
        assert not BLENDER & set(imported_roots(path)), path.relative_to(ROOT)
