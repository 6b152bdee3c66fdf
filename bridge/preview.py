# SPDX-License-Identifier: GPL-3.0-or-later
"""A live preview in a thread of its own: poses go in, the newest frame comes out.

Neither end keeps a queue. A pose that is overtaken by a newer one before the backend began it is
never rendered, and the last pose sent is always the last one shown.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .client import Client
from .coefficients import Coefficients, checked
from .errors import BackendLost, Cancelled, HeatError
from .frames import Frame, Pixels
from .packing import Neighbours, checked_neighbours
from .portrait_source import EngineOptions, PortraitInfo, PortraitSource

ClientFactory = Callable[[], Client]

FIRST_RETRY = 0.2
LONGEST_RETRY = 2.0


@dataclass(frozen=True)
class PreviewCounts:
    """How a preview is doing.

    Attributes
    ----------
    sent, shown : int
        Poses sent to the backend and frames that came back.
    reconnects : int
        How often the backend was lost and found again.
    latency_ms : float
        From the sending of the newest frame's pose to its arrival.
    """

    sent: int = 0
    shown: int = 0
    reconnects: int = 0
    latency_ms: float = 0.0


class LivePreview:
    """Shows one portrait live; every call returns at once.

    Parameters
    ----------
    client_factory : callable
        Makes a client. Called in the preview's thread, anew after each loss of the backend; it
        may block (to start the backend) and may raise HeatError.
    source : PortraitSource
        The portrait.
    engine : str or None
        Name of the engine; None for the backend's default.
    options : EngineOptions, optional
        Size, device, face.
    on_frame : callable, optional
        Called in the preview's thread after each new frame and each change of state.
    """

    def __init__(
        self,
        client_factory: ClientFactory,
        source: PortraitSource,
        engine: str | None = None,
        options: EngineOptions | None = None,
        on_frame: Callable[[], None] | None = None,
    ) -> None:
        self._factory = client_factory
        self._wanted = (source, engine, options or EngineOptions())
        self._on_frame = on_frame or (lambda: None)
        self._lock = threading.Lock()
        self._pose: Coefficients | None = None
        self._neighbours: Neighbours | None = None
        self._pose_is_new = False
        self._newest: Frame | None = None
        self._progress_image: Pixels | None = None
        self._stopping = threading.Event()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._times: dict[int, float] = {}
        self.state = "connecting"
        """``connecting``, ``preparing``, ``live``, ``lost``, ``failed`` or ``stopped``."""
        self.progress: tuple[str, float] = ("", 0.0)
        """What the backend does while preparing, and how much of it is done, 0..1."""
        self.error: str | None = None
        """Why the state is ``lost`` or ``failed``, or what was wrong with the last pose."""
        self.info: PortraitInfo | None = None
        """The portrait as prepared, once it is."""
        self.counts = PreviewCounts()
        self._thread = threading.Thread(target=self._run, name="heat-preview", daemon=True)
        self._thread.start()

    def send(
        self, coefficients: Coefficients, neighbours: Sequence[Coefficients] | None = None
    ) -> None:
        """Show these coefficients as soon as possible, in place of any not yet begun.

        Parameters
        ----------
        coefficients : Coefficients
            The pose.
        neighbours : sequence of 27 Coefficients, optional
            The motion around it, see ``Client.post``.

        Raises
        ------
        BadInput
            A value is not finite or of a wrong shape; nothing is sent then.
        """
        sound = checked(
            coefficients.expression,
            coefficients.rotation,
            coefficients.translation,
            coefficients.edits,
        )
        around = None if neighbours is None else checked_neighbours(neighbours)
        with self._lock:
            self._pose, self._neighbours, self._pose_is_new = sound, around, True
        self._wake()

    def take(self) -> Frame | None:
        """Return the newest frame that was not taken yet, if there is one."""
        with self._lock:
            frame, self._newest = self._newest, None
        return frame

    def take_progress_image(self) -> Pixels | None:
        """Return what the portrait looks like so far, (h, w, 4), unless it was taken already.

        Only while it is prepared by an engine that paints it anew; see ``Client.prepare``.
        """
        with self._lock:
            image, self._progress_image = self._progress_image, None
        return image

    def stop(self, wait: float = 0.0) -> None:
        """End the preview; with ``wait`` seconds given, wait for its thread that long."""
        self._stopping.set()
        self._wake()
        if wait > 0.0:
            self._thread.join(wait)

    @property
    def alive(self) -> bool:
        """Whether the preview's thread still runs (not after ``stop`` or a failure)."""
        return self._thread.is_alive()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_in.send(b"\0")

    def _run(self) -> None:
        pause = FIRST_RETRY
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                try:
                    self._live()
                except BackendLost as error:
                    if time.monotonic() - began > 10.0 * LONGEST_RETRY:
                        pause = FIRST_RETRY
                    self._set("lost", str(error))
                    self._stopping.wait(pause)
                    pause = min(LONGEST_RETRY, 2.0 * pause)
                except Cancelled:
                    break
                except HeatError as error:
                    self._set("failed", str(error))
                    return
            self._set("stopped", None)
        except Exception as error:  # the thread must not die without a word
            self._set("failed", f"the preview failed: {type(error).__name__}: {error}")
        finally:
            self._wake_in.close()
            self._wake_out.close()

    def _set(self, state: str, error: str | None) -> None:
        self.state, self.error = state, error
        self._on_frame()

    def _live(self) -> None:
        if self.state != "lost":
            self._set("connecting", None)
        client = self._factory()
        try:
            client.connect()
            self._set("preparing", None)
            self.info = client.prepare(
                *self._wanted,
                on_progress=self._note_progress,
                cancelled=self._stopping.is_set,
                on_progress_image=self._note_progress_image,
            )
            with self._lock:
                self._pose_is_new = self._pose is not None
            self._times.clear()
            self._set("live", None)
            with selectors.DefaultSelector() as events:
                events.register(self._wake_out, selectors.EVENT_READ)
                events.register(client.fileno(), selectors.EVENT_READ)
                while not self._stopping.is_set():
                    self._turn(client, events)
        except BackendLost:
            self.counts = _changed(self.counts, reconnects=self.counts.reconnects + 1)
            raise
        finally:
            client.close()

    def _note_progress(self, text: str, fraction: float) -> None:
        self.progress = (text, fraction)
        self._on_frame()

    def _note_progress_image(self, pixels: Pixels) -> None:
        with self._lock:
            self._progress_image = pixels
        self._on_frame()

    def _turn(self, client: Client, events: selectors.BaseSelector) -> None:
        """Send the pose if there is a new one; receive a frame if one is there; else sleep."""
        with self._lock:
            pose, around = self._pose, self._neighbours
            is_new, self._pose_is_new = self._pose_is_new, False
        if is_new and pose is not None:
            self._times[client.post(pose, around)] = time.perf_counter()
            self.counts = _changed(self.counts, sent=self.counts.sent + 1)
        ready = {key.fileobj for key, _ in events.select(1.0)}
        if self._wake_out in ready:
            with contextlib.suppress(BlockingIOError):
                while self._wake_out.recv(4096):
                    pass
        if ready - {self._wake_out}:
            self._receive(client)

    def _receive(self, client: Client) -> None:
        try:
            frame = client.receive(0.0)
        except HeatError as error:
            # One pose that the engine refuses, or fails at, is not the end.
            if not client.connected:
                raise
            self._set("live", str(error))
            return
        if frame is None:
            return
        sent = self._times.pop(frame.sequence, None)
        self._times = {n: t for n, t in self._times.items() if n > frame.sequence}
        latency = (time.perf_counter() - sent) * 1e3 if sent is not None else 0.0
        self.counts = _changed(self.counts, shown=self.counts.shown + 1, latency_ms=latency)
        with self._lock:
            self._newest = frame
        self.error = None
        self._on_frame()


def _changed(counts: PreviewCounts, **changes: float) -> PreviewCounts:
    return PreviewCounts(**{**counts.__dict__, **changes})
