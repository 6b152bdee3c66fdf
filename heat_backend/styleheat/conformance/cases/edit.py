# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the published edits: of head and expression, and of attributes."""

from __future__ import annotations

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.editing import directions, intuitive_edit
from heat_backend.styleheat.editing.directions import Direction, component


def intuitive(run: CaseRun) -> Outputs:
    """Give the courses of head and expression, the latter also with the published easing."""
    start = run.arrays["start"]
    return {
        "rotation": intuitive_edit.rotation_course(),
        "expression_reference": intuitive_edit.expression_course(start, run.arrays, True),
        "expression_linear": intuitive_edit.expression_course(start, run.arrays),
    }


def attribute(run: CaseRun) -> Outputs:
    """Latents of the five published attributes."""
    rows = run.tensor("wplus")  # (2, 18, 512)
    statistics = {name: run.tensor(name) for name in ("mean", "comp", "std")}
    age, pose = Direction(run.tensor("age")), Direction(run.tensor("pose"))
    beard = component(statistics, directions.BEARD_COMPONENT, directions.BEARD_ROWS)
    lip = component(statistics, directions.LIP_COMPONENT, directions.LIP_ROWS)
    return {
        "young": age.apply(rows, directions.YOUNG),
        "old": age.apply(rows, directions.OLD),
        "pose": pose.apply(rows, directions.POSE),
        "beard": beard.apply(rows, directions.BEARD),
        "lip": lip.apply(rows, directions.LIP),
    }


CASES = {"intuitive_edit": intuitive, "attribute_edit": attribute}
