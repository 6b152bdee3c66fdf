# SPDX-License-Identifier: GPL-3.0-or-later
"""A blocking client of the backend: prepare a portrait, render frames of it."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from . import fields, packing
from .coefficients import Coefficients, checked
from .connection import Address, Connection, Locate
from .errors import BackendLost, Cancelled, MissingHere, ProtocolError
from .frames import BufferPool, Frame, Pixels, RingName, SharedRing
from .portrait_source import EngineOptions, PortraitInfo, PortraitSource
from .wire import PROGRESS_IMAGE_SIDE, TO_CLIENT, Header, Kind, Limit, Message

__all__ = ["Address", "Client", "EngineOptions", "PortraitInfo", "PortraitSource"]

OnProgress = Callable[[str, float], None]
OnProgressImage = Callable[[Pixels], None]

RETRY_SECONDS = 0.2
MAX_SIDE = 32768


class Client(Connection):
    """One connection to a backend, with at most one prepared portrait; for one thread at a time.

    Parameters
    ----------
    address : (str, int)
        Host and port.
    secret : str
        The backend's secret.
    timeout : float
        Seconds to wait for a connection, and for a lost backend to return.
    shared_memory : bool
        Take frames by shared memory where both ends are on one machine.
    locate : callable, optional
        Gives address and secret anew before each connection, for a backend that comes back at
        another port.
    """

    def __init__(
        self,
        address: Address,
        secret: str,
        timeout: float = 10.0,
        *,
        shared_memory: bool = True,
        locate: Locate | None = None,
    ) -> None:
        super().__init__(address, secret, timeout, locate)
        self._shared_memory = shared_memory
        self._wanted: tuple[PortraitSource, str | None, EngineOptions] | None = None
        self._sequence = itertools.count(1)
        self._largest_frame = 0
        self._forget_portrait()

    def _forget_portrait(self) -> None:
        self._info: PortraitInfo | None = None
        self._ring: SharedRing | None = None
        self._released: deque[int] = deque()
        self._pool = BufferPool()
        self._landing: Pixels | None = None

    @property
    def info(self) -> PortraitInfo | None:
        """The portrait that the backend holds for this connection."""
        return self._info

    def __enter__(self) -> Client:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; frames already received stay valid."""
        super().close()
        self._forget_portrait()

    def prepare(
        self,
        source: PortraitSource,
        engine: str | None = None,
        options: EngineOptions | None = None,
        on_progress: OnProgress | None = None,
        cancelled: Callable[[], bool] | None = None,
        on_progress_image: OnProgressImage | None = None,
    ) -> PortraitInfo:
        """Have the backend prepare a portrait; it replaces the one before.

        Parameters
        ----------
        source : PortraitSource
            The picture.
        engine : str, optional
            Name of the engine; the backend's default otherwise.
        options : EngineOptions, optional
            Size, device, face.
        on_progress : callable, optional
            Called with a text and a fraction 0..1.
        cancelled : callable, optional
            Asked several times a second; true ends the work with ``Cancelled``.
        on_progress_image : callable, optional
            Called with the portrait so far, (h, w, 4) uint8 of at most 256 pixels a side, by
            engines that paint it anew: a square around the head, not the photo's framing.

        Raises
        ------
        BadInput, MissingHere, UsageError, Cancelled, BackendLost
            As the backend, or the file, has it.
        """
        options = options or EngineOptions()
        self.connect()
        self._forget_portrait()
        header = self.upload_portrait(source, engine, options)
        wishes = {"shared_memory": self._shared_memory, "sketches": on_progress_image is not None}
        self.tell(Kind.PREPARE, {**header, **wishes})
        answer = self._await_prepared(on_progress, cancelled, on_progress_image)
        self._wanted = (source, engine, options)
        self._info = _info(answer)
        self._largest_frame = self._info.width * self._info.height * 4
        self._attach(answer)
        return self._info

    def upload_portrait(
        self, source: PortraitSource, engine: str | None, options: EngineOptions
    ) -> Header:
        """Send the picture's bytes and return the fields that describe the portrait."""
        described, data = source.read()
        described["blob"] = self.upload(data)
        return {"portrait": described, "engine": engine, "options": options.header()}

    def _await_prepared(
        self,
        on_progress: OnProgress | None,
        cancelled: Callable[[], bool] | None,
        on_progress_image: OnProgressImage | None,
    ) -> Header:
        asked = False
        while True:
            if cancelled is not None and not asked and cancelled():
                self.tell(Kind.CANCEL)
                asked = True
            message = self.next_message(0.1 if cancelled else None)
            if message is None:
                continue
            if message.kind == Kind.PREPARED:
                if asked:
                    raise Cancelled("stopped while the portrait was being prepared")
                return message.header
            if message.kind == Kind.PROGRESS:
                _pass_on(message, on_progress, on_progress_image)

    def _attach(self, header: Header) -> None:
        if header.get("ring") is None:
            return
        ring = fields.table(header, "ring")
        name = RingName(
            fields.text(ring, "name", 1024),
            fields.text(ring, "token", 64),
            fields.integer(ring, "slots", 1, 64),
            fields.integer(ring, "slot_bytes", 1, 4 * MAX_SIDE * MAX_SIDE),
        )
        with contextlib.suppress(MissingHere):
            self._ring = SharedRing.attach(name)
            self._ring.unlink()
        self.tell(Kind.RING_ANSWER, {"attached": self._ring is not None})

    def render(self, coefficients: Coefficients) -> Frame:
        """Render one frame and wait for it.

        Where the connection broke, the backend is looked for again (for ``timeout`` seconds) and
        prepares the same portrait anew.

        Raises
        ------
        BadInput
            The coefficients are not finite or of a wrong shape.
        BackendLost
            The backend did not come back.
        """
        try:
            return self._render_once(coefficients)
        except BackendLost:
            self._return_to_backend()
        return self._render_once(coefficients)

    def _render_once(self, coefficients: Coefficients) -> Frame:
        sequence = self.post(coefficients)
        while True:
            frame = self.receive(None)
            if frame is not None and frame.sequence >= sequence:
                return frame

    def _return_to_backend(self) -> None:
        if self._wanted is None:
            raise BackendLost("the connection broke before a portrait was prepared")
        end = time.monotonic() + self._timeout
        while True:
            self.close()
            try:
                self.prepare(*self._wanted)
                return
            except BackendLost:
                if time.monotonic() >= end:
                    raise
                time.sleep(RETRY_SECONDS)

    def post(
        self, coefficients: Coefficients, neighbours: Sequence[Coefficients] | None = None
    ) -> int:
        """Send a pose without waiting; a pose that was not begun yet is dropped for it.

        Parameters
        ----------
        coefficients : Coefficients
            The pose.
        neighbours : sequence of 27 Coefficients, optional
            The frames around it, from 13 before to 13 after; sent only to a portrait that wants
            them. Without, the pose counts as held.

        Returns
        -------
        int
            The number that its frame will carry.
        """
        if self._info is None:
            raise BackendLost("no portrait is prepared")
        sound = checked(
            coefficients.expression,
            coefficients.rotation,
            coefficients.translation,
            coefficients.edits,
        )
        names, payload = packing.pack(sound)
        sequence = next(self._sequence)
        header: Header = {"sequence": sequence}
        if names:
            header["edits"] = names
        if neighbours is not None and self._info.wants_neighbours:
            header["neighbours"] = True
            payload += packing.pack_neighbours(packing.checked_neighbours(neighbours))
        released = [self._released.popleft() for _ in range(len(self._released))]
        if released:
            header["released"] = released
        self.tell(Kind.RENDER, header, payload)
        return sequence

    def receive(self, timeout: float | None) -> Frame | None:
        """Return the next frame, or None when none came within ``timeout`` seconds.

        Raises
        ------
        HeatError
            What the backend says went wrong with a pose; ``connected`` tells whether the
            connection still stands.
        """
        message = self.next_message(timeout)
        if message is None or message.kind != Kind.FRAME:
            return None
        return self._frame(message)

    def _frame(self, message: Message) -> Frame:
        info, header = self._info, message.header
        if info is None:
            raise ProtocolError("a frame came although no portrait is prepared")
        if message.payload.nbytes:
            pixels, self._landing = self._landing, None
        else:
            pixels = self._slot_view(header, info)
        assert pixels is not None
        return Frame(
            pixels,
            info.width,
            info.height,
            fields.integer(header, "sequence", 0, 1 << 53),
            fields.flag(header, "clamped"),
            fields.number(header, "render_ms", 0.0),
            shared=not message.payload.nbytes,
        )

    def _slot_view(self, header: Header, info: PortraitInfo) -> Pixels:
        if self._ring is None:
            raise ProtocolError("a frame without pixels came, and no shared memory is agreed on")
        slot = fields.integer(header, "slot", 0, self._ring.name.slots - 1)
        released = self._released
        return self._ring.view(slot, (info.height, info.width, 4), lambda: released.append(slot))

    def _limits(self) -> Mapping[Kind, Limit]:
        # While a portrait is being prepared a last frame of the one before may still come.
        return {**TO_CLIENT, Kind.FRAME: Limit(payload=self._largest_frame)}

    def _room(self, kind: Kind, header: Header, size: int) -> memoryview:
        info = self._info
        if kind != Kind.FRAME or size == 0 or info is None:
            return super()._room(kind, header, size)
        if size != info.width * info.height * 4:
            raise ProtocolError(f"a frame of {size} bytes does not fit the portrait")
        self._landing = self._pool.take((info.height, info.width, 4))
        return self._landing.data.cast("B")


def _pass_on(
    message: Message, on_progress: OnProgress | None, on_progress_image: OnProgressImage | None
) -> None:
    """Tell how far preparing is, and show what came with it."""
    header, payload = message.header, message.payload
    if on_progress is not None:
        share = min(1.0, max(0.0, fields.number(header, "fraction")))
        on_progress(fields.text(header, "text", 2000), share)
    if on_progress_image is None or not payload.nbytes:
        return
    size = fields.table(header, "sketch")
    width, height = (
        fields.integer(size, side, 1, PROGRESS_IMAGE_SIDE) for side in ("width", "height")
    )
    if payload.nbytes != width * height * 4:
        raise ProtocolError(
            f"a progress image of {payload.nbytes} bytes is not {width} x {height} RGBA"
        )
    on_progress_image(np.frombuffer(payload, np.uint8).reshape(height, width, 4))


def _info(header: Header) -> PortraitInfo:
    seconds = header.get("inversion_seconds")
    return PortraitInfo(
        fields.integer(header, "width", 1, MAX_SIDE),
        fields.integer(header, "height", 1, MAX_SIDE),
        tuple(fields.texts(header, "notes", 100, 2000)),
        fields.text(header, "engine"),
        fields.text(header, "engine_version"),
        fields.flag(header, "neighbours"),
        None if seconds is None else fields.number(header, "inversion_seconds"),
    )
