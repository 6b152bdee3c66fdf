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
from pathlib import Path

from bridge.checks import ADD_NETWORKS, MISSING, OK, OPTIONAL, SET_UP, WARNING, Check
from bridge.errors import HeatError
from bridge.machine_checks import check_certificates, check_folder, check_loopback, check_python
from heat_backend.engines import networks
from heat_backend.engines.description import load
from heat_backend.engines.registry import descriptions
from heat_backend.storage import user_folders

_DISTRIBUTION = "heat"
_PACKAGE = Path(__file__).resolve().parents[1]

# Distribution -> the module whose import proves that it works, and its system libraries are there.
_MODULES = {
    "numpy": "numpy",
    "scipy": "scipy.optimize",
    "numba": "numba",
    "opencv-python-headless": "cv2",
    "onnxruntime": "onnxruntime",
    "pillow": "PIL.Image",
    "av": "av",
    "platformdirs": "platformdirs",
    "filelock": "filelock",
}
_LIBRARIES = "sudo apt install libgl1 libglib2.0-0"


def all_checks(report: Callable[[str], None]) -> list[Check]:
    """Run every check; ``report`` gets what is being tried."""
    checks = [check_python(), check_certificates(), check_loopback()]
    for name, pinned in required_packages().items():
        report(name)
        checks.append(check_package(name, pinned))
    for step in (check_face_model, check_shipped_networks, check_detector, check_encoder,
                 check_networks, check_gpu):  # fmt: skip
        report(step.__name__.removeprefix("check_").replace("_", " "))
        checks.append(step())
    checks += check_folders()
    for engine in descriptions():
        if engine.checks:
            checks += load(engine.checks)()
    return checks


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
    install = _install(f"{name}{'==' + pinned if pinned else ''}")
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, MISSING, "not installed", install, SET_UP)
    module = _MODULES.get(name)
    if module is not None:
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever a broken install does
            text = " ".join(str(error).split())[:160]
            detail = f"{version} does not load: {text}"
            if re.search(r"lib\S+\.so", text):
                return Check(name, MISSING, detail, _LIBRARIES)
            again = _install(f"{name}{'==' + pinned if pinned else ''} --force-reinstall")
            return Check(name, MISSING, detail, again, SET_UP)
    if pinned and version.partition("+")[0] != pinned:
        return Check(name, WARNING, f"{version}; tested with {pinned}", install, SET_UP)
    return Check(name, OK, version)


def check_face_model() -> Check:
    """Whether the 3D face model is in the package."""
    try:
        from bridge import face_model

        model = face_model.load()
    except Exception as error:  # a missing or damaged file, or an incomplete package
        text = " ".join(str(error).split())[:160]
        return Check("face model", MISSING, text, "install Heat again", SET_UP)
    return Check(
        "face model",
        OK,
        f"{len(model.vertices)} vertices, {len(model.identity)} identity shapes, "
        f"{len(model.expression)} expressions",
    )


def check_shipped_networks(folder: Path = _PACKAGE) -> Check:
    """Whether all small networks of the package, or below another folder, are there and open."""
    from heat_backend.inference.network import Network

    files = sorted(folder.rglob("*.onnx"))
    try:
        for file in files:
            Network(file)
    except HeatError as error:
        mend = f"install Heat again, or {_install('--force-reinstall onnxruntime')}"
        return Check("shipped networks", MISSING, str(error), mend, SET_UP)
    if not files:
        return Check("shipped networks", MISSING, "none is there", "install Heat again", SET_UP)
    return Check("shipped networks", OK, f"{len(files)} open")


def check_detector() -> Check:
    """Whether the landmark detector really runs, on an empty picture."""
    try:
        import numpy as np

        from heat_backend.cli.options import DEFAULT_DETECTOR
        from heat_backend.detect.detector import make_detector

        make_detector(DEFAULT_DETECTOR).detect(np.full((128, 128, 3), 128, np.uint8))
    except Exception as error:  # its native libraries fail in many ways
        text = " ".join(str(error).split())[:160]
        return Check("face detector", MISSING, text, "install Heat again", SET_UP)
    return Check("face detector", OK, f"{DEFAULT_DETECTOR} runs")


def check_encoder() -> Check:
    """Whether movies can be written."""
    from heat_backend.export.h264 import has_encoder

    if has_encoder():
        return Check("H.264 encoder", OK, "libx264 through PyAV")
    detail = "PyAV has no libx264: only PNG sequences"
    return Check("H.264 encoder", MISSING, detail, _install("av"), SET_UP)


def check_networks() -> Check:
    """Whether the extra ``networks`` is here and loads; the default engine does without."""
    name, mend = "PyTorch", networks.install_command()
    if not networks.are_here():
        detail = "not installed; only the StyleHEAT engine and NVIDIA cards need it"
        return Check(name, OPTIONAL, detail, mend, ADD_NETWORKS)
    try:
        import safetensors
        import torch
    except Exception as error:  # whatever a broken install does
        text = " ".join(str(error).split())[:160]
        detail = f"does not load: {text}"
        return Check(name, WARNING, detail, f"{mend} --force-reinstall", ADD_NETWORKS)
    here = f"{torch.__version__}, safetensors {safetensors.__version__}"
    tested = networks.PACKAGES[0].partition("==")[2]
    if torch.__version__.partition("+")[0] != tested:
        return Check(name, WARNING, f"{here}; tested with {tested}", mend, ADD_NETWORKS)
    return Check(name, OK, here)


def check_gpu() -> Check:
    """Whether there is a GPU that can be used; none is needed."""
    has_card = shutil.which("nvidia-smi") is not None
    if not networks.are_here():
        if not has_card:
            return Check("GPU", OPTIONAL, "no NVIDIA GPU; the CPU is used")
        detail = "an NVIDIA GPU is here; the CPU is used, as PyTorch is not installed"
        return Check("GPU", OPTIONAL, detail, networks.install_command(), ADD_NETWORKS)
    try:
        import torch
    except Exception:  # reported above
        return Check("GPU", OPTIONAL, "unknown: PyTorch does not load")
    if torch.cuda.is_available():
        return Check("GPU", OK, torch.cuda.get_device_name(0))
    if not has_card:
        return Check("GPU", OPTIONAL, "no NVIDIA GPU; the CPU is used")
    torch_version = torch.__version__.partition("+")[0]
    return Check(
        "GPU",
        WARNING,
        "an NVIDIA GPU is here, but this torch cannot use it",
        networks.install_command()
        if networks.made_by_addon()
        else _install(
            f"torch=={torch_version} --force-reinstall "
            "--index-url https://download.pytorch.org/whl/cu130"
        ),
        ADD_NETWORKS,
    )


def check_folders() -> Iterator[Check]:
    """Whether the folders that are written to can be, and how much disk is left."""
    yield check_folder("temporary folder", Path(tempfile.gettempdir()))
    yield check_folder("compiled code", Path(_numba_cache()))
    yield check_folder("cache", user_folders.cache_folder())
    yield check_folder("data folder", user_folders.data_folder())


def _numba_cache() -> str:
    """Where compiled code is cached: numba's own choice, which is beside the code when it may."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return chosen
    if os.access(_PACKAGE, os.W_OK):
        return str(_PACKAGE)
    home = Path.home()
    return str(home / ("Library/Caches" if sys.platform == "darwin" else ".cache"))


def _install(packages: str) -> str:
    """Return the command that installs packages here, or the button of the add-on that does."""
    if networks.made_by_addon():
        return "Set Up Backend in the add-on's preferences"
    return f"{sys.executable} -m pip install {packages}"
