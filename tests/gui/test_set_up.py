# SPDX-License-Identifier: GPL-3.0-or-later
"""Set Up Backend for real, from the zip, with Blender's own Python; then all works with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gui import window
from tests.gui.test_motion import babble

pytestmark = [pytest.mark.window, pytest.mark.slow]

LIMIT = 1200.0


@pytest.fixture(scope="module")
def set_up(blender: window.Blender, given: dict[str, Any]) -> Iterator[window.Told]:
    """Blender with the zip alone, in a home of its own; needs the network or HEAT_WHEELS."""
    inputs = {name: given[name] for name in ("zip", "photo")}
    voice = babble(Path(given["photo"]).with_name("babble.wav"))
    told = window.tell(blender, "set_up", {**inputs, "voice": str(voice)}, LIMIT)
    assert told.status == 0, told.findings.get("error", told.log[-3000:])
    print(f"\nset-up {told.findings['setup_seconds']:.0f} s, first frame "
          f"{told.findings['first_frame_seconds']:.1f} s")  # fmt: skip
    yield told
    shutil.rmtree(told.folder / "home")  # hundreds of megabytes


def test_one_click_sets_the_backend_up(set_up: window.Told) -> None:
    assert set_up.findings["setup"][0] == "done"
    assert "Traceback" not in set_up.log


def test_the_backend_runs_on_blenders_own_python(set_up: window.Told) -> None:
    assert set_up.findings["interpreter"] == set_up.findings["own_interpreter"]


def test_blenders_own_packages_are_left_alone(set_up: window.Told) -> None:
    assert set_up.findings["own_modules_untouched"]


def test_preview_bake_and_render_work_with_it(set_up: window.Told) -> None:
    pictures = []
    for name in ("before", "live"):
        with Image.open(set_up.folder / f"{name}.png") as picture:
            pictures.append(np.asarray(picture.convert("RGB"), np.float32))
    changed = np.abs(pictures[0] - pictures[1]).max(axis=2) > 24
    assert changed.mean() > 0.02, "the preview's overlay does not show"
    assert set_up.findings["baked"][0] == "done", set_up.findings["baked"]
    assert set_up.findings["frames"] == 10
