# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract between Blender and the backend; standard library and numpy only.

``import bridge`` is enough: each module is loaded when ``bridge.<module>`` is first used, since a
start of Blender should not wait for sockets and processes.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import checks as checks
    from . import client as client
    from . import coefficients as coefficients
    from . import edit_cost as edit_cost
    from . import edit_directions as edit_directions
    from . import edit_preset as edit_preset
    from . import edits as edits
    from . import engine_description as engine_description
    from . import errors as errors
    from . import face_model as face_model
    from . import fit_file as fit_file
    from . import frame_size as frame_size
    from . import frames as frames
    from . import handshake as handshake
    from . import jobs as jobs
    from . import launch as launch
    from . import machine_checks as machine_checks
    from . import motion_clip as motion_clip
    from . import motion_mix as motion_mix
    from . import packing as packing
    from . import portrait_source as portrait_source
    from . import pose as pose
    from . import preview as preview
    from . import progress_lines as progress_lines
    from . import ramps as ramps
    from . import regions as regions
    from . import rig_map as rig_map
    from . import whole_file as whole_file

_MODULES = (
    "checks",
    "client",
    "coefficients",
    "edit_cost",
    "edit_directions",
    "edit_preset",
    "edits",
    "engine_description",
    "errors",
    "face_model",
    "fit_file",
    "frame_size",
    "frames",
    "handshake",
    "jobs",
    "launch",
    "machine_checks",
    "motion_clip",
    "motion_mix",
    "packing",
    "portrait_source",
    "pose",
    "preview",
    "progress_lines",
    "ramps",
    "regions",
    "rig_map",
    "whole_file",
)


def __getattr__(name: str) -> ModuleType:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
