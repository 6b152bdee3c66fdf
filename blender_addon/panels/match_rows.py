# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the Edit panel: match a picture, send the fit to the scene, and what came of it."""

from __future__ import annotations

from typing import Any

from .. import text_lines

_ICONS = {"done": "CHECKMARK", "failed": "ERROR"}


def draw(layout: Any, context: Any, portrait: Any) -> None:
    """Draw the buttons, or the progress."""
    from ..jobs import face_job, match_picture

    job = face_job.job_of(portrait.uid)
    if job is not None and not job.finished:
        layout.progress(factor=job.fraction, text=f"{job.fraction:.0%}")
        text_lines.draw(layout, context, job.line())
        layout.operator("heat.face_cancel", icon="CANCEL")
        return
    column = layout.column(align=True)
    column.label(text="Match a picture's")
    row = column if text_lines.is_narrow(context) else column.row(align=True)
    for take, label in match_picture.LABELS.items():
        row.operator("heat.match_picture", text=label).take = take
    layout.operator("heat.send_fit", icon="MESH_MONKEY")
    if job is not None:
        text_lines.draw(layout, context, job.line(), _ICONS.get(job.state, "INFO"))
        for note in job.notes:
            text_lines.draw(layout, context, note, "INFO")
