# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig of a portrait as the sampler wants it, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from ..data import edit_values
from . import sampling


def rig_source(portrait: Any) -> sampling.RigSource:
    """Return what to sample for a portrait. Made anew for each use: undo replaces objects."""
    return sampling.RigSource(
        mesh=portrait.mesh,
        armature=portrait.armature,
        head_bone=portrait.head_bone,
        facing=portrait.facing,
        eye_distance=portrait.eye_distance,
        edits=edit_values.source_of(portrait).read,
    )


def complaints(portrait: Any) -> tuple[str, ...]:
    """Return in plain lines what keeps the rig from performing; empty when all is well."""
    if portrait.mesh is None and portrait.armature is None:
        return ()
    return sampling.problems(rig_source(portrait))
