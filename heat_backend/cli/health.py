# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of ``heat doctor``: each tries the real thing and names what mends it."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from heat_backend.engines.description import load
from heat_backend.engines.registry import descriptions

OK = "ok"
MISSING = "missing"
WARNING = "warning"
OPTIONAL = "optional"

_PYTHONS = ((3, 11), (3, 12))
_LEAST_DISK_GB = 1.0
_DISTRIBUTION = "heat"

# Distribution -> the module whose import proves that it works, and its system libraries are there.
_MODULES = {
    "numpy": "numpy",
    "scipy": "scipy.optimize",
    "numba": "numba",
    "mediapipe": "mediapipe",
    "opencv-contrib-python": "cv2",
    "pillow": "PIL.Image",
    "av": "av",
    "torch": "torch",
    "safetensors": "safetensors",
}
_LIBRARIES = "sudo apt install libgl1 libglib2.0-0"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name, state, detail : str
        What, whether it works (``"ok"``, ``"missing"``, ``"warning"``, ``"optional"``), and what
        was found.
    mend : str
        The command or step that mends it; empty when nothing is wrong.
    """

    name: str
    state: str
    detail: str
    mend: str = ""

    def as_dict(self) -> dict[str, str]:
        """Give the check as plain values."""
        return asdict(self)


def all_checks(report: Callable[[str], None]) -> list[Check]:
    """Run every check; ``report`` gets what is being tried."""
    checks: list[Check] = [check_python()]
    for name, pinned in required_packages().items():
        report(name)
        checks.append(check_package(name, pinned))
    for step in (check_face_model, check_detector, check_encoder, check_gpu):
        report(step.__name__.removeprefix("check_").replace("_", " "))
        checks.append(step())
    checks += check_folders()
    for engine in descriptions():
        if engine.checks:
            checks += load(engine.checks)()
    return checks


def check_python() -> Check:
    """Whether this Python is one that all packages have wheels for."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] in _PYTHONS:
        return Check("python", OK, f"{version}, {sys.executable}")
    return Check("python", MISSING, f"{version}: 3.11 or 3.12 is needed", "install python3.11")


def required_packages() -> dict[str, str]:
    """Distribution name to pinned version ("" where none), as the project's metadata say."""
    try:
        lines = importlib.metadata.requires(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        lines = []
    needed: dict[str, str] = {}
    for line in lines:
        requirement, _, marker = line.partition(";")
        found = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:==\s*([^\s,]+))?", requirement)
        if found and "extra" not in marker:
            needed[found[1].lower()] = found[2] or ""
    return needed or dict.fromkeys(_MODULES, "")


def check_package(name: str, pinned: str) -> Check:
    """Whether a package is there, can be imported, and is the version that was tested."""
    install = f"{_pip()} install {name}{'==' + pinned if pinned else ''}"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, MISSING, "not installed", install)
    module = _MODULES.get(name)
    if module is not None:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken install does
            text = " ".join(str(error).split())[:160]
            mend = _LIBRARIES if re.search(r"lib\S+\.so", text) else f"{install} --force-reinstall"
            return Check(name, MISSING, f"{version} does not load: {text}", mend)
    if pinned and version.partition("+")[0] != pinned:
        return Check(name, WARNING, f"{version}; tested with {pinned}", install)
    return Check(name, OK, version)


def check_face_model() -> Check:
    """Whether the 3D face model is in the package."""
    try:
        from bridge import face_model

        model = face_model.load()
    except Exception as error:  # a missing or damaged file, or an incomplete package
        text = " ".join(str(error).split())[:160]
        return Check("face model", MISSING, text, "install Heat again")
    return Check(
        "face model",
        OK,
        f"{len(model.vertices)} vertices, {len(model.identity)} identity shapes, "
        f"{len(model.expression)} expressions",
    )


def check_detector() -> Check:
    """Whether the landmark detector really runs, on an empty picture."""
    try:
        import numpy as np

        from heat_backend.cli.options import DEFAULT_DETECTOR
        from heat_backend.detect.detector import make_detector

        make_detector(DEFAULT_DETECTOR).detect(np.full((128, 128, 3), 128, np.uint8))
    except Exception as error:  # its native libraries fail in many ways
        text = " ".join(str(error).split())[:160]
        pinned = required_packages().get("mediapipe")
        package = f"mediapipe=={pinned}" if pinned else "mediapipe"
        return Check("face detector", MISSING, text, f"{_pip()} install {package}")
    return Check("face detector", OK, f"{DEFAULT_DETECTOR} runs")


def check_encoder() -> Check:
    """Whether movies can be written."""
    from heat_backend.export.h264 import has_encoder

    if has_encoder():
        return Check("H.264 encoder", OK, "libx264 through PyAV")
    return Check(
        "H.264 encoder", MISSING, "PyAV has no libx264: only PNG sequences", f"{_pip()} install av"
    )


def check_gpu() -> Check:
    """Whether there is a GPU; none is needed."""
    try:
        import torch
    except Exception:  # reported by the package's own check
        return Check("GPU", OPTIONAL, "unknown: torch does not load")
    if torch.cuda.is_available():
        return Check("GPU", OK, torch.cuda.get_device_name(0))
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", OPTIONAL, "no NVIDIA GPU; the CPU is used")
    torch_version = torch.__version__.partition("+")[0]
    return Check(
        "GPU",
        WARNING,
        "an NVIDIA GPU is here, but this torch cannot use it",
        f"{_pip()} install torch=={torch_version} --force-reinstall "
        "--index-url https://download.pytorch.org/whl/cu130",
    )


def check_folders() -> Iterator[Check]:
    """Whether temporary files can be written, and how much disk is left."""
    for name, folder in (("temporary folder", tempfile.gettempdir()), ("cache", _cache_folder())):
        try:
            with tempfile.TemporaryFile(dir=_existing(Path(folder))):
                pass
        except OSError as error:
            mend = f"make it writable: chmod u+rwx {folder}"
            yield Check(name, MISSING, f"{folder}: {error.strerror}", mend)
            continue
        free = shutil.disk_usage(_existing(Path(folder))).free / 1e9
        if free < _LEAST_DISK_GB:
            yield Check(name, WARNING, f"{folder}: {free:.1f} GB free", "free some disk space")
        else:
            yield Check(name, OK, f"{folder}: {free:.0f} GB free")


def _cache_folder() -> str:
    """Where compiled code is cached: numba's own choice, which is beside the code when it may."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return chosen
    package = Path(__file__).resolve().parents[1]
    if os.access(package, os.W_OK):
        return str(package)
    home = Path.home()
    return str(home / ("Library/Caches" if sys.platform == "darwin" else ".cache"))


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _pip() -> str:
    return f"{sys.executable} -m pip"
