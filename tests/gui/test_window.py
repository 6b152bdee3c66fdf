# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on in a real Blender window, judged by what stands on the screen."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.gui import window

pytestmark = pytest.mark.window

NOT_OURS = "this Blender cannot start our interpreter: the backend ran beside it"
Picture = np.ndarray[Any, np.dtype[np.float32]]


@pytest.fixture(scope="session")
def whole_job(blender: window.Blender, given: dict[str, Any]) -> window.Told:
    told = window.tell(blender, "whole_job", given)
    assert told.status == 0, told.findings.get("error", told.log[-3000:])
    return told


def seen(told: window.Told, name: str) -> Picture:
    """The 3D viewport's part of a grab, 0..255."""
    place = told.findings["viewport"]
    with Image.open(told.folder / f"{name}.png") as picture:
        cut = picture.convert("RGB").crop(
            (place["left"], place["top"], place["right"], place["bottom"])
        )
    return np.asarray(cut, np.float32)


def changed_box(
    first: Picture, second: Picture, in_a_line: int = 4
) -> tuple[int, int, int, int] | None:
    """Rectangle (left, top, right, bottom) of what plainly differs; None when nothing does.

    Lines with fewer differing pixels than ``in_a_line`` do not count: edges of the rig's own
    drawing shimmer.
    """
    differs = np.abs(first - second).max(axis=2) > 24
    rows = np.flatnonzero(differs.sum(axis=1) >= in_a_line)
    columns = np.flatnonzero(differs.sum(axis=0) >= in_a_line)
    if len(rows) == 0 or len(columns) == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def overlay(told: window.Told) -> tuple[int, int, int, int]:
    box = changed_box(seen(told, "before"), seen(told, "live"), in_a_line=100)
    assert box is not None, "starting the preview changed nothing on the screen"
    return box


def cut(picture: Picture, box: tuple[int, int, int, int]) -> Picture:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def test_installed_zip_opens_its_tab_and_maps_the_sample_rig(whole_job: window.Told) -> None:
    assert whole_job.findings["tab_open"]
    assert whole_job.findings["rows"] == 52
    assert whole_job.findings["bone_rows"] >= 3
    assert "Traceback" not in whole_job.log


def test_added_sample_rig_fills_the_view_with_its_face(whole_job: window.Told) -> None:
    view = whole_job.findings["view"]
    assert 0.2 < view["distance"] < 2.0
    assert abs(view["off_the_head"]) < 0.1
    assert view["from_the_front"] > 0.7


def test_preview_shows_the_photo_in_the_viewport(
    whole_job: window.Told, given: dict[str, Any]
) -> None:
    box = overlay(whole_job)
    shown = cut(seen(whole_job, "live"), box)
    with Image.open(given["photo"]) as picture:
        assert box[2] - box[0] == pytest.approx(
            (box[3] - box[1]) * picture.width / picture.height, abs=2
        )
        photo = picture.convert("RGB").resize((box[2] - box[0], box[3] - box[1]))
    # Wrong colour management alone shifts mid tones by 30 and more.
    assert np.abs(shown - np.asarray(photo, np.float32)).mean() < 10


def test_moving_a_slider_moves_the_portrait_in_the_overlay(whole_job: window.Told) -> None:
    box = overlay(whole_job)
    live, jaw, shut = (cut(seen(whole_job, name), box) for name in ("live", "jaw", "shut"))
    mouth = changed_box(live, jaw)
    assert mouth is not None, "opening the jaw changed nothing in the overlay"
    assert changed_box(live, shut) is None, "closing it again did not bring the photo back"
    assert mouth[1] > 0.1 * live.shape[0], "the top of the picture moved with the jaw"


def test_stopping_the_preview_takes_the_overlay_away(whole_job: window.Told) -> None:
    box = overlay(whole_job)
    before, stopped = (cut(seen(whole_job, name), box) for name in ("before", "stopped"))
    assert changed_box(before, stopped) is None


def test_overlay_follows_scrubbing(whole_job: window.Told) -> None:
    box = overlay(whole_job)
    scrubbed = cut(seen(whole_job, "scrubbed"), box)
    assert changed_box(cut(seen(whole_job, "shut"), box), scrubbed) is not None


def test_strip_stands_in_the_sequencer(whole_job: window.Told) -> None:
    strip = whole_job.findings["strip"]
    assert (strip["type"], strip["start"], strip["length"]) == ("IMAGE", 3, 20)
    assert len(strip["files"]) == 20
    frames = sorted((whole_job.folder / "frames").rglob("*.png"))
    assert [path.name for path in frames] == strip["files"]


def test_backend_is_gone_after_blender_quit(whole_job: window.Told) -> None:
    if whole_job.findings["backend"] is None:
        pytest.skip(NOT_OURS)
    assert ended(whole_job.findings["backend"])


def running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
        return state not in {"Z", "X"}
    return False


def ended(pid: int, limit: float = 15.0) -> bool:
    return waited(lambda: not running(pid), limit)


def waited(condition: Callable[[], bool], limit: float) -> bool:
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture()
def two_blenders(
    blender: window.Blender, given: dict[str, Any]
) -> Iterator[list[tuple[dict[str, int], Path]]]:
    """Two Blenders with a live preview each: who they are, and their folders."""
    if "remote" in given:
        pytest.skip(NOT_OURS)
    with contextlib.ExitStack() as stack:
        folders = [window.fresh_folder(f"stay_live_{n}") for n in (1, 2)]
        processes = []
        for folder in folders:
            screen = stack.enter_context(window.display(blender))
            processes.append(window.launch(blender, "stay_live", folder, given, screen))
        try:
            told = []
            for folder in folders:
                assert window.wait_for_file(folder / "live.json", 120), (
                    folder / "blender.log"
                ).read_text("utf-8")[-3000:]
                told.append((json.loads((folder / "live.json").read_text("utf-8")), folder))
            yield told
        finally:
            for process in processes:
                process.terminate()
                process.wait(20)


def test_killed_blender_takes_its_backend_along_and_leaves_its_neighbours_alone(
    two_blenders: list[tuple[dict[str, int], Path]],
) -> None:
    (killed, _), (other, folder) = two_blenders
    assert killed["backend"] != other["backend"]
    os.kill(killed["blender"], signal.SIGKILL)
    assert ended(killed["backend"])
    assert running(other["backend"])
    (folder / "stop").touch()
    assert ended(other["blender"], 30)
    assert ended(other["backend"])
