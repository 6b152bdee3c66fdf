# SPDX-License-Identifier: GPL-3.0-or-later
"""Story: a fresh install without a backend; the preferences tell what is there and what is not."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import driver


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    folder = Path(given["folder"])
    driver.install({"zip": given["zip"]})
    preferences = bpy.context.preferences.addons[driver.EXTENSION].preferences
    area = driver.area_of("VIEW_3D")
    area.type = "PREFERENCES"
    yield 0.5
    with driver.within(area):
        bpy.ops.preferences.addon_show(module=driver.EXTENSION)
    jobs = driver.part("jobs.background_jobs")
    yield from driver.wait_until(
        "the look at this machine", lambda: jobs.find("doctor") and jobs.find("doctor").finished
    )
    yield 0.5
    findings["machine"] = states(jobs)
    driver.grab(folder / "machine.png")
    bpy.ops.heat.doctor()
    yield from driver.wait_until("the check", lambda: not jobs.running("doctor"))
    preferences.show_checks = True
    yield 1.0
    findings["checked"] = states(jobs)
    driver.grab(folder / "checked.png")


def states(jobs: Any) -> dict[str, str]:
    """Return the state of each line by its name."""
    return {check.name: check.state for check in jobs.find("doctor").checks}


driver.play(story)
