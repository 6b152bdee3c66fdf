# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh headless Blender for each test that asks for one, and what add-on tests share."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# Before bpy is imported: settings, presets and logs of these tests go to a folder of their own.
_user_folder = tempfile.mkdtemp(prefix="heat-tests-")
os.environ["BLENDER_USER_RESOURCES"] = _user_folder
os.environ.pop("HEAT_BACKEND_PYTHON", None)

_exit_status: list[int] = []


def _leave_at_once() -> None:
    """End before Blender 4.2's module crashes at its own end.

    It does so whenever a property group with a Python callback was registered, even if it was
    unregistered again; all tests are over and reported by then.
    """
    if _exit_status and "bpy" in sys.modules and sys.modules["bpy"].app.version < (4, 5, 0):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_exit_status[0])


# Registered first, hence called last.
atexit.register(_leave_at_once)
atexit.register(shutil.rmtree, _user_folder, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    """Let a name that a coming Blender drops fail a test: from 5.1 on Blender warns of such."""
    line = "error:.*is expected to be removed in Blender:DeprecationWarning"
    config.addinivalue_line("filterwarnings", line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Note how the run ended."""
    _exit_status[:] = [int(exitstatus)]


def backend_python() -> str:
    """A Python that can run the backend: this one, or the main environment's beside it."""
    if importlib.util.find_spec("cv2") and importlib.util.find_spec("av"):
        return sys.executable
    return str(ROOT / ".venv" / "bin" / "python")


@pytest.fixture
def blender():
    """Give `bpy` with an empty factory scene."""
    bpy = pytest.importorskip("bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy


@pytest.fixture(scope="session")
def registered() -> Iterator[Any]:
    """Give the add-on, registered for the whole run."""
    pytest.importorskip("bpy")
    import blender_addon

    blender_addon.register()
    atexit.register(blender_addon.unregister)
    yield blender_addon


@pytest.fixture
def addon(registered: Any, blender: Any) -> Iterator[Any]:
    """Give the registered add-on in an empty scene, with default preferences."""
    from blender_addon.backend import choose
    from blender_addon.data import preferences
    from blender_addon.jobs import background_jobs
    from blender_addon.preview import live

    if not hasattr(blender.types.Scene, "heat"):
        registered.register()
    preferences.current().__init__()
    choose.forget_missing()
    yield registered
    live.stop_all()
    background_jobs.clear()


@pytest.fixture
def backend(addon: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Give the backend's owner; the backend is a real server with the stand-in engine."""
    python = backend_python()
    if not Path(python).exists():
        pytest.skip(f"no environment that can run the backend: {python} is not there")
    from blender_addon.backend import choose, owner

    log = tmp_path / "renders.txt"
    choice = owner.LocalBackend(
        (python, str(ROOT / "tests" / "serve" / "stand_in_backend.py")),
        {"HEAT_STAND_IN_LOG": str(log), "PYTHONHOME": "", "PYTHONPATH": ""},
        tmp_path / "backend.log",
    )
    monkeypatch.setattr(choose, "choice", lambda: choice)
    choose.forget_missing()
    kept = owner.owner()
    kept.renders = log  # type: ignore[attr-defined]
    yield kept
    kept.stop()
    choose.forget_missing()


@pytest.fixture
def photo(blender: Any, tmp_path: Path) -> Path:
    """Give a small picture file; its name has a space and a letter beyond ASCII."""
    import numpy as np

    path = tmp_path / "my phöto.png"
    image = blender.data.images.new("photo", 64, 80)
    rows = np.linspace(0.1, 0.9, 64 * 80 * 4, dtype=np.float32)
    rows[3::4] = 1.0
    image.pixels.foreach_set(rows)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    blender.data.images.remove(image)
    return path


@pytest.fixture
def portrait(addon: Any, blender: Any, photo: Path, tmp_path: Path) -> Any:
    """Give a portrait with a keyed one-key rig; jawOpen rises from 0 to 1 in frames 1 to 11."""
    scene = blender.context.scene
    mesh = blender.data.meshes.new("face")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    face = blender.data.objects.new("face", mesh)
    scene.collection.objects.link(face)
    face.shape_key_add(name="Basis")
    key = face.shape_key_add(name="jawOpen")
    for frame, value in ((1, 0.0), (11, 1.0)):
        key.value = value
        key.keyframe_insert("value", frame=frame)
    blender.ops.heat.portrait_add(photo=str(photo))
    made = scene.heat.portraits[0]
    made.mesh = face
    made.engine = "stand_in"
    made.output.folder = str(tmp_path / "out")
    blender.ops.heat.map_row_add(kind="KEY", shape_key="jawOpen", expression="jawOpen")
    scene.frame_start, scene.frame_end = 1, 6
    return made


@pytest.fixture
def rigged(addon: Any, blender: Any, photo: Path) -> Any:
    """Give a portrait with the sample rig, the playhead on frame 11, 25 frames a second."""
    blender.ops.heat.portrait_add(photo=str(photo))
    blender.ops.heat.add_sample_rig()
    scene = blender.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.frame_set(11)
    return scene.heat.portraits[0]


@pytest.fixture(scope="session")
def pip_wheel() -> Path:
    """Give the pip that the extension carries."""
    import build_addon

    try:
        return build_addon.pip_wheel()
    except build_addon.BuildError as error:
        pytest.skip(f"pip's wheel cannot be had: {error}")


@pytest.fixture(scope="session")
def unpacked_pip(pip_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with that pip, unpacked once."""
    from blender_addon.core.setup import pip_program

    return pip_program.unpack(pip_wheel, tmp_path_factory.mktemp("pip"))


@pytest.fixture
def small_addon(tmp_path: Path, pip_wheel: Path) -> Path:
    """Give the folder of an extension with a tiny backend; its packages lie beside it."""
    from tests.addon import small_wheels

    addon, packages = tmp_path / "addon", tmp_path / "packages"
    wheels = [
        small_wheels.make_wheel(packages, "heat_dependency", "1.0", {"heat_dependency.py": ""}),
        small_wheels.make_wheel(packages, "heat_other", "2.0", {"heat_other/__init__.py": ""}),
    ]
    small_wheels.make_wheel(packages, "heat_network", "3.0", {"torch.py": "__version__ = '3'"})
    small_wheels.make_backend(addon / "wheels")
    shutil.copy(pip_wheel, addon / "wheels")
    small_wheels.write_lock(addon, wheels)
    return addon


@pytest.fixture
def index(small_addon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give a package index of those packages, named in a pip.conf of the user."""
    from tests.addon.small_wheels import Index

    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    served = Index(tmp_path / "packages")
    settings = tmp_path / "pip.conf"
    text = f"[global]\nindex-url = {served.url}\nextra-index-url =\nretries = 0\ntimeout = 5\n"
    settings.write_text(text, "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    yield served
    served.close()


@pytest.fixture
def setup_plan(small_addon: Path, tmp_path: Path, unpacked_pip: Path) -> Any:
    """Give a plan to set up that extension, into a folder with blanks and umlauts."""
    from blender_addon.core.setup import packed, setup_run
    from blender_addon.core.setup.places import Places

    places = Places(tmp_path / "user data é ü")
    places.work.mkdir(parents=True)
    places.work.joinpath(unpacked_pip.name).symlink_to(unpacked_pip)
    return setup_run.SetupPlan(places, packed.find(small_addon))
