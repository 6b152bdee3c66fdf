# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's weights: the backend is asked which are here, and fetches or checks them."""

from __future__ import annotations

import time

from .. import bridge
from ..backend import choose, weights_command
from ..backend.owner import LocalBackend
from ..backend.weights_command import WeightsReport
from ..core import engines
from ..preview import live
from . import background_jobs
from .background_jobs import DONE, QueryJob, RunJob

_LIST_AGAIN_SECONDS = 60.0  # while something is missing, which may be put there by hand


class WeightsJob(RunJob):
    """A run of `heat weights`: a fetch or a check."""

    kind = "weights"
    title = "fetch of the weights"
    interval = 0.25

    def ended(self) -> None:
        """Start previews again that failed for want of weights."""
        if self.state == DONE:
            live.restart_failed()


class WeightsListJob(QueryJob):
    """Asks a backend which weights are here.

    Attributes
    ----------
    report : WeightsReport or None
        The answer; until it is here, that of the query before.
    """

    kind = "weights list"
    title = "list of the weights"

    def __init__(self, backend: LocalBackend) -> None:
        before = background_jobs.find("weights list")
        self.report: WeightsReport | None = None if before is None else before.report
        self._backend, self._fetch = backend, _last_fetch()
        self._began = time.monotonic()
        environment = choose.whole_environment(backend)
        super().__init__(lambda: weights_command.ask(backend.command, environment))

    def receive(self, answer: WeightsReport) -> None:
        """Keep the report, and what it says of the engines."""
        self.report = answer
        engines.learn(answer.engines)

    def ended(self) -> None:
        """Drop an old report that could not be renewed."""
        if self.state != DONE:
            self.report = None

    def is_outdated(self, backend: LocalBackend, watch: bool) -> bool:
        """Return whether to ask again: for another backend, after a fetch, or after a minute."""
        if (backend, _last_fetch()) != (self._backend, self._fetch):
            return True
        old = time.monotonic() - self._began > _LIST_AGAIN_SECONDS
        lacking = self.report is None or not self.report.ready
        return watch and old and lacking and not background_jobs.running("weights")


def report(watch: bool = True) -> WeightsReport | None:
    """Return what is known of the weights; never waits.

    Parameters
    ----------
    watch : bool
        Ask again once a minute while something is missing.
    """
    try:
        backend = choose.command()
    except bridge.errors.HeatError:
        return None
    job = background_jobs.find("weights list")
    if job is not None:
        job.step()  # background Blender has no timer that does
    if job is None or (job.finished and job.is_outdated(backend, watch)):
        job = WeightsListJob(backend)
        background_jobs.start(job)
    return job.report


def report_now() -> WeightsReport:
    """Ask the backend and wait for its answer.

    Raises
    ------
    MissingHere
        No backend of this machine is set up, or it does not answer.
    """
    job = WeightsListJob(choose.command())
    background_jobs.start(job)
    background_jobs.wait(job)
    if job.report is None:
        raise bridge.errors.MissingHere(job.message)
    return job.report


def start(arguments: tuple[str, ...], finished: str) -> WeightsJob:
    """Run a `heat weights` command.

    Parameters
    ----------
    arguments : tuple of str
        The command, such as ("verify",).
    finished : str
        What to tell when it ended well.

    Raises
    ------
    BadInput
        One is under way.
    MissingHere
        No backend of this machine is set up.
    """
    if background_jobs.running("weights"):
        raise bridge.errors.BadInput("The weights are being fetched or checked")
    backend = choose.command()
    command = (*backend.command, "weights", *arguments, "--json-progress")
    environment = choose.whole_environment(backend)
    job = WeightsJob(weights_command.WeightsRun(command, environment, finished))
    background_jobs.start(job)
    return job


def lines() -> list[tuple[str, str]]:
    """Return (icon, sentence) pairs about the weights for the preferences."""
    job = background_jobs.find("weights")
    if background_jobs.running("weights"):
        return [("IMPORT", job.line())]
    rows: list[tuple[str, str]] = []
    if job is not None:
        rows.append(("CHECKMARK" if job.state == DONE else "ERROR", job.message))
    known = report()
    if known is None:
        query = background_jobs.find("weights list")
        trouble = "" if query is None else query.message
        return [*rows, ("INFO", trouble or "Looking for the weights ...")]
    rows.append(state_line(known))
    rows.append(("FILE_FOLDER", f"Folder: {known.folder}"))
    return rows


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


def _last_fetch() -> int:
    """Return a number that changes with each fetch or check that ends."""
    job = background_jobs.find("weights")
    return 0 if job is None or not job.finished else id(job)
