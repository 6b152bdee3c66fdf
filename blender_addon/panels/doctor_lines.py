# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what the check of this machine found: a line each, with the button that mends it."""

from __future__ import annotations

from typing import Any

from .. import bridge, text_lines
from ..jobs import background_jobs, doctor_job

_ICONS = {
    bridge.checks.OK: "CHECKMARK",
    bridge.checks.MISSING: "ERROR",
    bridge.checks.WARNING: "ERROR",
    bridge.checks.OPTIONAL: "INFO",
}
# Remedy -> operator, its text ("" for the operator's own), and icon.
_BUTTONS = {
    bridge.checks.SET_UP: ("heat.setup_backend", "", "IMPORT"),
    bridge.checks.ADD_NETWORKS: ("heat.add_networks", "", "IMPORT"),
    bridge.checks.RESTART_BACKEND: ("heat.backend_restart", "", "FILE_REFRESH"),
    bridge.checks.OPEN_FOLDER: ("heat.open_folder", "", "FILE_FOLDER"),
    bridge.checks.FETCH_WEIGHTS: ("heat.fetch_weights", "", "IMPORT"),
    bridge.checks.CHECK_AGAIN: ("heat.doctor", "Check Again", "FILE_REFRESH"),
    doctor_job.ALLOW_ONLINE: ("screen.userpref_show", "System Preferences", "PREFERENCES"),
}

# Their buttons are all that helps: the command would install for Blender's own Python.
_INSTALLING = (bridge.checks.SET_UP, bridge.checks.ADD_NETWORKS, bridge.checks.FETCH_WEIGHTS)


def draw(layout: Any, context: Any, prefs: Any) -> None:
    """Draw the lines; those that are well only where the preferences ask for them."""
    job = doctor_job.known()
    layout.separator()
    row = layout.row()
    row.label(text="Health")
    row.operator("heat.doctor", icon="VIEWZOOM")
    if not job.finished:
        text_lines.draw(layout, context, job.line(), "SORTTIME")
    elif job.state == background_jobs.FAILED:
        text_lines.draw(layout, context, job.message, "ERROR")
    checks = bridge.checks.worst_first(job.checks)
    well = [check for check in checks if check.state == bridge.checks.OK]
    for check in checks:
        if check.state != bridge.checks.OK:
            _draw_check(layout, context, check)
    if well:
        icon = "DOWNARROW_HLT" if prefs.show_checks else "RIGHTARROW"
        text = f"{len(well)} of {len(checks)} are well"
        row = layout.row()
        row.use_property_split = False
        row.alignment = "LEFT"
        row.prop(prefs, "show_checks", text=text, icon=icon, emboss=False)
    for check in well if prefs.show_checks else ():
        text_lines.draw(layout, context, _line(check), "CHECKMARK")
    if job.finished and not job.whole:
        note = "This machine was looked at. Check Everything tries the backend's parts, too."
        text_lines.draw(layout, context, note)


def _draw_check(layout: Any, context: Any, check: bridge.checks.Check) -> None:
    box = layout.box()
    text_lines.draw(box, context, _line(check), _ICONS[check.state], in_box=True)
    if check.mend and check.remedy not in _INSTALLING:
        text_lines.draw(box, context, f"What helps: {check.mend}", "BLANK1", in_box=True)
    if check.remedy in _BUTTONS:
        name, label, icon = _BUTTONS[check.remedy]
        given = {"text": label} if label else {}
        button = box.operator(name, icon=icon, **given)
        if check.remedy == bridge.checks.OPEN_FOLDER:
            button.folder = check.place
        elif check.remedy == doctor_job.ALLOW_ONLINE:
            button.section = "SYSTEM"


def _line(check: bridge.checks.Check) -> str:
    return f"{check.name[:1].upper()}{check.name[1:]}: {check.detail}"
