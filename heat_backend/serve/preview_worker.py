# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread of one session that prepares its portrait and renders its newest pose."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients, clamped
from bridge.errors import Cancelled, HeatError, MissingHere, ProtocolError, UsageError
from bridge.frames import SharedRing
from bridge.packing import Neighbours
from bridge.wire import PROGRESS_IMAGE_SIDE, Channel, Header, Kind, error_header
from heat_backend.serve.portrait_cache import PortraitCache, PortraitRequest, Prepared

LOG = logging.getLogger("heat.serve")
PROGRESS_SECONDS = 0.05  # between two messages of progress
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Pose:
    """One pose as a client sent it."""

    sequence: int
    coefficients: Coefficients
    neighbours: Neighbours | None = None
    """The frames around it, for portraits that look at them."""


@dataclass(frozen=True, eq=False)
class Preparation:
    """One portrait to prepare."""

    request: PortraitRequest
    shared_memory: bool
    progress_images: bool
    done: Callable[[], None]
    cancel: threading.Event


class RingSlots:
    """Which buffers of a ring are free; a slot sent to the client is not touched meanwhile."""

    def __init__(self, ring: SharedRing) -> None:
        self.ring = ring
        self.attached = False
        self._free = list(range(ring.name.slots))
        self._lent: set[int] = set()
        self._lock = threading.Lock()

    def take(self, shape: tuple[int, int, int]) -> tuple[int, Pixels] | None:
        """Return a free slot and its pixels, or None."""
        with self._lock:
            if not self.attached or not self._free:
                return None
            slot = self._free.pop(0)
            self._lent.add(slot)
        return slot, self.ring.view(slot, shape, lambda: None)

    def give_back(self, slot: int) -> None:
        """Take a slot back that the client no longer looks at."""
        with self._lock:
            if slot not in self._lent:
                raise ProtocolError(f"field 'released': slot {slot} was not lent")
            self._lent.remove(slot)
            self._free.append(slot)


class PreviewWorker:
    """Holds at most one waiting pose and one waiting preparation; newer ones take their place.

    Parameters
    ----------
    channel : Channel
        Answers go there.
    cache : PortraitCache
        Where portraits come from.
    """

    def __init__(self, channel: Channel, cache: PortraitCache) -> None:
        self._channel = channel
        self._cache = cache
        self._changed = threading.Condition()
        self._preparation: Preparation | None = None
        self._pose: Pose | None = None
        self._stopping = False
        self._cancel = threading.Event()
        self._prepared: Prepared | None = None
        self._slots: RingSlots | None = None
        self._buffer: Pixels | None = None
        self._thread = threading.Thread(target=self._run, name="heat-session", daemon=True)
        self._thread.start()

    def prepare(
        self,
        request: PortraitRequest,
        done: Callable[[], None],
        *,
        shared_memory: bool,
        progress_images: bool = False,
    ) -> None:
        """Prepare a portrait in place of the one before; ``done`` is called at the end of it."""
        with self._changed:
            overtaken = self._preparation
            self._cancel.set()
            self._cancel = threading.Event()
            self._preparation = Preparation(
                request, shared_memory, progress_images, done, self._cancel
            )
            self._pose = None
            self._changed.notify()
        if overtaken is not None:
            overtaken.done()
            self._tell(Cancelled("another portrait was asked for"))

    def show(self, pose: Pose) -> None:
        """Render a pose next, in place of any that waits."""
        with self._changed:
            self._pose = pose
            self._changed.notify()

    def cancel(self) -> None:
        """Stop preparing."""
        self._cancel.set()

    def ring_attached(self, attached: bool) -> None:
        """Note whether the client could open the ring; either way its name is not needed now."""
        slots = self._slots
        if slots is not None:
            slots.ring.unlink()
            slots.attached = attached
            if not attached:
                self._slots = None

    def released(self, released: list[int]) -> None:
        """Take back slots that the client no longer looks at."""
        slots = self._slots
        if slots is not None:
            for slot in released:
                slots.give_back(slot)

    def stop(self) -> None:
        """End the thread, as soon as what it is in lets it."""
        with self._changed:
            self._stopping = True
            self._cancel.set()
            self._changed.notify()
        self._thread.join(5.0)
        if self._slots is not None:
            self._slots.ring.unlink()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._stopping or self._preparation or self._pose):
                    self._changed.wait()
                preparation, self._preparation = self._preparation, None
                pose = None
                if preparation is None:
                    pose, self._pose = self._pose, None
                if self._stopping:
                    break
            try:
                self._work(preparation, pose)
            except Exception as error:
                if not self._answer_failure(error, pose):
                    break
        if preparation is not None:
            preparation.done()

    def _work(self, preparation: Preparation | None, pose: Pose | None) -> None:
        if preparation is not None:
            try:
                self._prepare(preparation)
            finally:
                preparation.done()
        elif pose is not None:
            self._render(pose)

    def _answer_failure(self, error: Exception, pose: Pose | None) -> bool:
        """Tell the client what went wrong; False when it is gone."""
        if not isinstance(error, HeatError):
            LOG.error("a session failed", exc_info=error)
            error = HeatError(f"the backend failed ({type(error).__name__}: {error}); see its log")
        return self._tell(error, sequence=pose.sequence if pose is not None else None)

    def _tell(self, error: HeatError, **more: object) -> bool:
        try:
            self._channel.send(Kind.ERROR, error_header(error, fatal=False, **more))
        except HeatError:
            self._channel.abort()
            return False
        return True

    def _prepare(self, preparation: Preparation) -> None:
        self._prepared, self._slots, self._buffer = None, None, None
        report = ProgressReport(self._channel)
        if preparation.progress_images:
            report = ProgressImageReport(self._channel)
        prepared = self._cache.prepare(preparation.request, report, preparation.cancel.is_set)
        portrait = prepared.portrait
        answer: Header = {
            "width": portrait.width,
            "height": portrait.height,
            "notes": [str(note)[:2000] for note in portrait.notes][:20],
            "engine": prepared.engine,
            "engine_version": prepared.version,
            "ring": None,
        }
        if preparation.shared_memory:
            answer["ring"] = self._make_ring(portrait.width * portrait.height * 4)
        if portrait.wants_neighbours:
            answer["neighbours"] = True
        seconds = portrait.inversion_seconds
        if seconds is not None:
            answer["inversion_seconds"] = round(float(seconds), 2)
        self._prepared = prepared
        self._channel.send(Kind.PREPARED, answer)

    def _make_ring(self, frame_bytes: int) -> Header | None:
        try:
            ring = SharedRing.create(frame_bytes)
        except MissingHere as error:
            LOG.warning("%s; frames go by TCP", error)
            return None
        self._slots = RingSlots(ring)
        return {
            "name": ring.name.name,
            "token": ring.name.token,
            "slots": ring.name.slots,
            "slot_bytes": ring.name.slot_bytes,
        }

    def _render(self, pose: Pose) -> None:
        if self._prepared is None:
            raise UsageError("no portrait is prepared")
        portrait = self._prepared.portrait
        shape = (portrait.height, portrait.width, 4)
        coefficients, was_clamped = clamped(pose.coefficients)
        slots = self._slots
        lent = slots.take(shape) if slots is not None else None
        out = lent[1] if lent is not None else self._own_buffer(shape)
        began = time.perf_counter()
        try:
            if portrait.wants_neighbours and pose.neighbours is not None:
                around = tuple(clamped(one)[0] for one in pose.neighbours)
                pixels = portrait.render_within(coefficients, around, out)
            else:
                pixels = portrait.render(coefficients, out)
            if pixels is not out:
                np.copyto(out, pixels, casting="no")
        except BaseException:
            if lent is not None and slots is not None:
                slots.give_back(lent[0])
            raise
        header: Header = {
            "sequence": pose.sequence,
            "clamped": was_clamped,
            "render_ms": round((time.perf_counter() - began) * 1e3, 3),
        }
        if lent is not None:
            self._channel.send(Kind.FRAME, {**header, "slot": lent[0]})
        else:
            self._channel.send(Kind.FRAME, header, out.data)

    def _own_buffer(self, shape: tuple[int, int, int]) -> Pixels:
        if self._buffer is None or self._buffer.shape != shape:
            self._buffer = np.empty(shape, np.uint8)
        return self._buffer


class ProgressReport:
    """Sends text and fraction, a few times a second at most.

    Parameters
    ----------
    channel : Channel
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last = 0.0
        self._told: tuple[str, float] = ("", 0.0)

    def __call__(self, text: str, fraction: float) -> None:
        """Report the progress."""
        self._told = (text, float(fraction))
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or fraction >= 1.0:
            self._last = now
            self._send({}, None)

    def _send(self, more: dict[str, object], pixels: NDArray[np.uint8] | None) -> None:
        text, fraction = self._told
        body = None if pixels is None else pixels.data.cast("B")
        self._channel.send(Kind.PROGRESS, {"text": text, "fraction": fraction, **more}, body)


class ProgressImageReport(ProgressReport):
    """Sends the portrait so far as well; see ``bridge/PROTOCOL.md``."""

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        """Show the portrait so far.

        Parameters
        ----------
        pixels : ndarray, shape (H, W, 3), uint8
        """
        import cv2

        rgba = cv2.cvtColor(shrunk(pixels, PROGRESS_IMAGE_SIDE), cv2.COLOR_RGB2RGBA)
        height, width = rgba.shape[:2]
        self._send({"sketch": {"width": width, "height": height}}, np.ascontiguousarray(rgba))


def shrunk(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with a long side of at most ``side`` pixels."""
    import cv2

    factor = side / max(pixels.shape[:2])
    if factor >= 1.0:
        return pixels
    size = tuple(max(1, round(length * factor)) for length in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
