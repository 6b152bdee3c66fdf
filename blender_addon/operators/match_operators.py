# SPDX-License-Identifier: GPL-3.0-or-later
# mypy: disable-error-code="valid-type"
"""Operators on a portrait's face: match it to a picture, send its fit to the scene, cancel."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import Operator

from ..data import portraits
from ..jobs import background_jobs
from .operator_helpers import CancelOperator, FileBrowserOperator, PortraitOperator

# Modules that load numpy are imported in functions, so that Blender starts without them.


class IdleFaceOperator(PortraitOperator):
    """An operator on a face that is not being worked on."""

    @classmethod
    def reason_against(cls, _scene: Any, portrait: Any) -> str | None:
        """Not while the face is being worked on, and not without a photo."""
        if background_jobs.running("face", portrait.uid):
            return "The face of this portrait is being worked on"
        return portraits.photo_complaint(portrait)


class HEAT_OT_match_picture(FileBrowserOperator, IdleFaceOperator, Operator):
    """Give the portrait the expression, light or skin tone of a sample picture."""

    bl_idname = "heat.match_picture"
    bl_label = "Match a Picture"
    bl_description = (
        "Choose a picture of a face, and give the portrait its expression (on the rig), its light "
        "or its skin tone (in the edits)"
    )

    take: EnumProperty(
        name="Take",
        description="What the portrait takes from the picture",
        items=(
            ("expression", "Expression", "Set the rig's shape keys; keyed with auto-keying on"),
            ("light", "Light", "Set the edits of the light"),
            ("skin_tone", "Skin Tone", "Set skin tone, warmth and blush"),
        ),
    )
    filepath: StringProperty(name="Picture", description="The sample", subtype="FILE_PATH")
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    sample_face: IntProperty(
        name="Face",
        description="Which face of the picture: 1 is the largest; 0 takes it too",
        default=0,
        min=0,
        max=64,
    )

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, see it through."""
        from ..jobs import face_job

        sample = Path(bpy.path.abspath(self.filepath))
        order = face_job.match_order(portrait, self.take, sample, self.sample_face)
        return background_jobs.report_outcome(self, face_job.start(context.scene, portrait, order))


class HEAT_OT_send_fit(IdleFaceOperator, Operator):
    """Make the fitted head in the scene."""

    bl_idname = "heat.send_fit"
    bl_label = "Send Fit to Scene"
    bl_description = (
        "Fit the face model to the photo, and make the fitted head: a mesh with the photo as its "
        "texture, 52 shape keys and a head bone. A portrait without a rig is driven by it"
    )

    lit: BoolProperty(
        name="Photo's Light",
        description="Take the photo as it is; off, with its own light taken away, for a scene "
        "that has lamps of its own",
        default=True,
    )

    def run(self, context: Any, portrait: Any) -> set[str]:
        """Start it; in background Blender, see it through."""
        from ..jobs import face_job

        order = face_job.fit_order(lit=self.lit)
        return background_jobs.report_outcome(self, face_job.start(context.scene, portrait, order))


class HEAT_OT_face_cancel(CancelOperator, Operator):
    """Stop the work on the face."""

    bl_idname = "heat.face_cancel"
    bl_label = "Cancel"
    bl_description = "Stop: the scene stays as it is"
    kind: background_jobs.Kind = "face"
    idle = "The face is not being worked on"


CLASSES = (HEAT_OT_match_picture, HEAT_OT_send_fit, HEAT_OT_face_cancel)
