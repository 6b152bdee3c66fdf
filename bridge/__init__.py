# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract between Blender and the backend; standard library and numpy only."""

from . import (
    client,
    coefficients,
    errors,
    face_blink,
    face_model,
    frames,
    handshake,
    jobs,
    launch,
    motion_clip,
    pose,
    preview,
)

__all__ = [
    "client",
    "coefficients",
    "errors",
    "face_blink",
    "face_model",
    "frames",
    "handshake",
    "jobs",
    "launch",
    "motion_clip",
    "pose",
    "preview",
]
