# SPDX-License-Identifier: GPL-3.0-or-later
"""The weights of this Blender's backend: asked for beside the interface, fetched by a button."""

from __future__ import annotations

import threading
import time

import bpy

from .. import bridge
from ..backend import choose, weights_command
from ..backend.owner import LocalBackend
from ..backend.weights_command import WeightsReport
from ..core import engines
from ..preview import live

_TICK = 0.25
_KEEP = 60.0  # seconds between two questions

Asked = tuple[LocalBackend, int]
"""Which backend was asked, and after which fetch."""

_run: weights_command.WeightsRun | None = None
_served: weights_command.WeightsRun | None = None
"""The last run whose end the previews were told of."""
_report: WeightsReport | None = None
_trouble = ""
_asked: tuple[Asked, float] | None = None
_asking: threading.Thread | None = None
_lock = threading.Lock()


def current() -> weights_command.WeightsRun | None:
    """Return the last fetch or check of this Blender, running or ended, or None."""
    return _run


def running() -> bool:
    """Whether one is under way."""
    return _run is not None and _run.status.state == weights_command.RUNNING


def fraction() -> float:
    """Return how far the file in hand is, 0..1."""
    return _run.status.fraction if _run is not None else 0.0


def report(watch: bool = True) -> WeightsReport | None:
    """Return what is known of the weights; never waits.

    Parameters
    ----------
    watch : bool
        Ask anew once a minute while something is missing: it may be put there by hand.
    """
    try:
        wanted = choose.command()
    except bridge.errors.HeatError:
        return None
    key, now = _question(wanted), time.monotonic()
    old = _asked is not None and now - _asked[1] > _KEEP and not running()
    lacking = _report is None or not _report.ready
    if _asked is None or _asked[0] != key or (watch and old and lacking):
        _ask(key, now)
    return _report


def report_now() -> WeightsReport:
    """Ask the backend and wait for its answer.

    Raises
    ------
    MissingHere
        No backend of this machine is set up, or it does not answer.
    """
    global _report, _trouble, _asked
    wanted = choose.command()
    found = weights_command.ask(wanted.command, choose.whole_environment(wanted))
    with _lock:
        _report, _trouble, _asked = found, "", (_question(wanted), time.monotonic())
    return found


def start(arguments: tuple[str, ...], finished: str) -> weights_command.WeightsRun:
    """Run a `heat weights` command.

    Raises
    ------
    BadInput
        One is under way.
    MissingHere
        No backend of this machine is set up.
    """
    global _run
    if running():
        raise bridge.errors.BadInput("The weights are being fetched or checked")
    wanted = choose.command()
    command = (*wanted.command, "weights", *arguments, "--json-progress")
    _run = weights_command.WeightsRun(command, choose.whole_environment(wanted), finished)
    _watch()
    return _run


def cancel() -> None:
    """Stop the run, if there is one."""
    if _run is not None:
        _run.cancel()


def lines() -> list[tuple[str, str]]:
    """Return (icon, sentence) pairs about the weights for the preferences."""
    run = _run
    if run is not None and run.status.state == weights_command.RUNNING:
        return [("IMPORT", run.status.text)]
    found: list[tuple[str, str]] = []
    if run is not None and run.status.state != weights_command.DONE:
        found.append(("ERROR", run.status.text))
    elif run is not None:
        found.append(("CHECKMARK", run.status.text))
    known = report()
    if known is None:
        return [*found, ("INFO", _trouble or "Looking for the weights ...")]
    found.append(state_line(known))
    found.append(("FILE_FOLDER", f"Folder: {known.folder}"))
    return found


def state_line(known: WeightsReport) -> tuple[str, str]:
    """Return (icon, sentence): whether the engine has the weights that it needs."""
    engine = engines.needing_weights()
    if known.unsound:
        return "ERROR", f"Not whole any more: {', '.join(known.unsound)}. Press Fetch Weights."
    if known.lacking:
        return "INFO", f"{engine} needs weights: {', '.join(known.lacking)}. Press Fetch Weights."
    if known.extras:
        more = ", ".join(known.extras)
        return (
            "CHECKMARK",
            f"{engine}'s weights are here. Not here, for edits and options: {more}.",
        )
    return "CHECKMARK", f"{engine}'s weights are here."


def _ask(key: Asked, now: float) -> None:
    global _asked, _asking
    if _asking is not None and _asking.is_alive():
        return
    _asked = (key, now)
    backend = key[0]

    def answer() -> None:
        global _report, _trouble
        found, trouble = None, ""
        try:
            found = weights_command.ask(backend.command, choose.whole_environment(backend))
        except bridge.errors.HeatError as error:
            trouble = str(error)
        if found is not None:
            engines.learn(found.engines)
        with _lock:
            _report, _trouble = found, trouble

    _asking = threading.Thread(target=answer, name="heat-weights-list", daemon=True)
    _asking.start()
    _watch()


def _watch() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.register(_on_timer, first_interval=_TICK, persistent=True)


def _question(backend: LocalBackend) -> Asked:
    """Return what tells a question from the last: another backend, or a fetch that ended."""
    return backend, 0 if _run is None or running() else id(_run)


def _on_timer() -> float | None:
    global _served
    busy = running() or (_asking is not None and _asking.is_alive())
    if _run is not None and _run is not _served and _run.status.state == weights_command.DONE:
        _served = _run
        live.restart_failed()  # those that had waited for the weights
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES" or (area.type == "VIEW_3D" and not busy):
                area.tag_redraw()
    return _TICK if busy else None


def unregister() -> None:
    """Stop a run."""
    cancel()
    if bpy.app.timers.is_registered(_on_timer):
        bpy.app.timers.unregister(_on_timer)
