# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenario: move a slider, look at the screen, with the preview and without; time the add-on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "gui"), str(HERE)]

import bpy  # noqa: E402
import driver  # noqa: E402
from main_thread import MainThread  # noqa: E402

QUIET_SECONDS = 0.4
IDLE = 0.85
WAIT_SECONDS = 45.0
GIVE_UP_SECONDS = 5.0
WARM_UP = 3
PATCH = 24


class Watch:
    """The watcher's process, and when each of its rectangles last changed."""

    def __init__(self, rects: list[list[int]]) -> None:
        python = sys.executable if "python" in Path(sys.executable).name else "python3"
        self._process = subprocess.Popen(
            [shutil.which(python) or python, str(HERE / "screen_watch.py"), json.dumps(rects)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "watching":
            raise RuntimeError("the screen cannot be watched")
        self.rects = rects
        self.changes: list[tuple[float, int]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seconds, index = line.split()
            self.changes.append((float(seconds), int(index)))

    def since(self, began: float, index: int) -> float | None:
        """Return the milliseconds from a moment to a rectangle's first change after it."""
        later = [(at - began) * 1e3 for at, which in self.changes if which == index and at > began]
        return later[0] if later else None

    def is_quiet(self) -> bool:
        """Return whether nothing has changed for a while: Blender has refined its picture."""
        return not self.changes or time.perf_counter() - self.changes[-1][0] > QUIET_SECONDS

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def story(given: dict[str, Any], findings: dict[str, Any]) -> driver.Story:
    """Measure what was asked for: ``latency`` settings, or the ``main_thread``."""
    driver.install(given)
    yield 0.5
    clock = MainThread(driver.EXTENSION)
    clock.listen()
    driver.remove_default_objects()
    bpy.ops.heat.portrait_add(photo=given["photo"])
    bpy.ops.heat.add_sample_rig()
    bpy.ops.heat.auto_map()
    portrait = bpy.context.scene.heat.portraits[0]
    yield from driver.look_at_face(portrait.mesh)
    space = driver.area_of("VIEW_3D").spaces.active
    space.show_gizmo = space.overlay.show_overlays = True
    portrait.preview.size, portrait.preview.render_size = 512, given["side"]
    bpy.context.preferences.system.viewport_aa = "OFF"
    yield from started(portrait)
    findings["viewport"] = viewport_size()
    if given["what"] == "main_thread":
        yield from main_thread(portrait, clock, findings)
    else:
        yield from latency(portrait, given["rounds"], findings)


def started(portrait: Any) -> driver.Story:
    """Start the preview and let it come to rest."""
    bpy.ops.heat.preview_start()
    yield from driver.wait_until(
        "the first frame of the preview", lambda: driver.frames_seen(portrait) > 0
    )
    yield 1.5


def main_thread(portrait: Any, clock: MainThread, findings: dict[str, Any]) -> driver.Story:
    """Move the slider again and again, each time until its frame is drawn."""
    key = portrait.mesh.data.shape_keys.key_blocks["jawOpen"]
    session = driver.part("preview.sessions").session_of(portrait.uid)
    patience = Patience()
    for number in range(60):
        yield from patience.wait(0.15)
        clock.forget()
        seen = session.frame_number
        key.value = 0.1 + 0.01 * number
        end = time.monotonic() + GIVE_UP_SECONDS
        while session.frame_number == seen and time.monotonic() < end:
            yield 0.01
        yield 0.05
        clock.frame_shown(counts=number >= WARM_UP)
    findings.update(clock.numbers())
    findings["frame"] = [session.frame.width, session.frame.height]


def latency(portrait: Any, rounds: int, findings: dict[str, Any]) -> driver.Story:
    """Time the slider with and without preview, without and with anti-aliasing, in turns."""
    mouth = yield from place_of_mouth(portrait)
    watch = Watch([mouth, middle_of_viewport()])
    patience = Patience()
    found: dict[str, list[float]] = {}
    move = mover(portrait)
    for smooth in ("OFF", "8") * 2:
        bpy.context.preferences.system.viewport_aa = smooth
        yield from slide(
            move, watch, patience, 0, rounds, found.setdefault(f"{smooth} preview", [])
        )
        bpy.ops.heat.preview_stop()
        yield 1.0
        yield from slide(
            move, watch, patience, 1, rounds, found.setdefault(f"{smooth} blender", [])
        )
        yield from started(portrait)
    watch.stop()
    findings["latency_ms"] = found


def mover(portrait: Any) -> Callable[[], None]:
    """Make an action that opens the jaw, or shuts it when it is open."""
    key = portrait.mesh.data.shape_keys.key_blocks["jawOpen"]

    def move() -> None:
        key.value = 0.0 if key.value > 0.4 else 0.8

    return move


def slide(
    move: Callable[[], None],
    watch: Watch,
    patience: Patience,
    index: int,
    rounds: int,
    found: list[float],
) -> driver.Story:
    """Move the slider when all is still, and note when the rectangle changed on the screen."""
    for number in range(WARM_UP + rounds):
        yield from patience.wait(QUIET_SECONDS, watch.is_quiet)
        began = time.perf_counter()
        move()
        while watch.since(began, index) is None:
            if time.perf_counter() - began > GIVE_UP_SECONDS:
                raise TimeoutError(f"the slider changed nothing in {watch.rects[index]}")
            yield 0.02
        took = watch.since(began, index)
        if number >= WARM_UP and took is not None:
            found.append(took)


class Patience:
    """Waits for a machine that does nothing else, so long in all and then no more."""

    def __init__(self) -> None:
        self._left = WAIT_SECONDS

    def wait(self, seconds: float, is_quiet: Callable[[], bool] = lambda: True) -> driver.Story:
        """Wait until the picture stands, and for that long nothing kept the machine busy."""
        while True:
            before = processor_seconds()
            yield seconds
            idle, total = (
                now - then for now, then in zip(processor_seconds(), before, strict=True)
            )
            if is_quiet():
                if idle >= IDLE * total or self._left <= 0.0:
                    return
                self._left -= seconds


def processor_seconds() -> tuple[int, int]:
    """Return what all processors idled and were there for, in the system's ticks."""
    ticks = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def place_of_mouth(portrait: Any) -> Any:
    """Find a patch of the overlay that the jaw changes; a rectangle on the screen."""
    import numpy as np

    session = driver.part("preview.sessions").session_of(portrait.uid)
    move = mover(portrait)
    frames = []
    for _ in range(2):
        frames.append(session.frame.pixels.astype(np.int16))
        move()
        yield 1.5
    change = np.abs(frames[1] - frames[0]).sum(axis=2)
    row, column = np.unravel_index(int(change.argmax()), change.shape)
    height, width = change.shape
    area = driver.area_of("VIEW_3D")
    with driver.within(area):
        (overlay,) = driver.part("preview.overlay_layout").overlays(bpy.context)
        region = bpy.context.region
    rect = overlay.rect
    across = region.x + rect.x + rect.width * column / width
    down = bpy.context.window_manager.windows[0].height - region.y - rect.top
    along = down + rect.height * row / height
    return [int(across) - PATCH // 2, int(along) - PATCH // 2, PATCH, PATCH]


def middle_of_viewport() -> list[int]:
    """Return a thin rectangle on the screen, down the middle of the viewport, over the rig."""
    area = driver.area_of("VIEW_3D")
    height = bpy.context.window_manager.windows[0].height
    return [area.x + area.width // 2, height - area.y - area.height + 60, 4, area.height - 80]


def viewport_size() -> list[int]:
    """Return width and height of the viewport, px."""
    area = driver.area_of("VIEW_3D")
    return [area.width, area.height]


driver.play(story)
