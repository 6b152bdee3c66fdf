# SPDX-License-Identifier: GPL-3.0-or-later
"""A blocking client of the backend, for one thread at a time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import time
from collections import deque
from collections.abc import Callable

from . import fields, packing
from .coefficients import Coefficients, checked
from .errors import (
    BackendLost,
    Cancelled,
    HeatError,
    MissingHere,
    ProtocolError,
    error_from_code,
)
from .frames import BufferPool, Frame, Pixels, RingName, SharedRing
from .handshake import check_secret, join_handshake
from .portrait_source import EngineOptions, PortraitInfo, PortraitSource
from .wire import CHUNK, TO_CLIENT, Channel, Header, Kind, Limit, Message, raise_error

__all__ = ["Client", "EngineOptions", "PortraitInfo", "PortraitSource"]

Address = tuple[str, int]
OnProgress = Callable[[str, float], None]
Locate = Callable[[], tuple[Address, str]]

RETRY_SECONDS = 0.2
MAX_SIDE = 32768


class Client:
    """One connection to a backend, with at most one prepared portrait.

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
        self._address = address
        self._secret = secret
        self._timeout = timeout
        self._shared_memory = shared_memory
        self._locate = locate
        self._channel: Channel | None = None
        self._wanted: tuple[PortraitSource, str | None, EngineOptions] | None = None
        self._sequence = itertools.count(1)
        self._blobs = itertools.count(1)
        self._forget_portrait()
        self.server: Header = {}
        """What the backend told of itself: ``engines``, ``engine``, ``device``, ``version``."""

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

    @property
    def connected(self) -> bool:
        """Whether a connection stands, as far as is known."""
        return self._channel is not None

    def __enter__(self) -> Client:
        return self.connect()

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> Client:
        """Connect and prove the secret; does nothing where a connection stands.

        Raises
        ------
        BackendLost
            Nothing answers at the address.
        SecretRefused, VersionMismatch
            Something answers, and will not work with us.
        """
        if self._channel is not None:
            return self
        if self._locate is not None:
            self._address, self._secret = self._locate()
        secret = check_secret(self._secret)
        host, port = self._address
        try:
            sock = socket.create_connection((host, port), self._timeout)
        except OSError as error:
            raise BackendLost(f"no backend answers at {host}:{port} ({error})") from error
        channel = Channel(sock)
        try:
            self.server = join_handshake(channel, secret, self._timeout)
        except BaseException:
            channel.close()
            raise
        self._channel = channel
        return self

    def close(self) -> None:
        """End the connection; frames already received stay valid."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None
        self._forget_portrait()

    def fileno(self) -> int:
        """Return the socket's number for ``select``."""
        return self._open_channel().fileno()

    def prepare(
        self,
        source: PortraitSource,
        engine: str | None = None,
        options: EngineOptions | None = None,
        on_progress: OnProgress | None = None,
        cancelled: Callable[[], bool] | None = None,
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

        Raises
        ------
        BadInput, MissingHere, UsageError, Cancelled, BackendLost
            As the backend, or the file, has it.
        """
        options = options or EngineOptions()
        self.connect()
        self._forget_portrait()
        header = self.upload_portrait(source, engine, options)
        self._send(Kind.PREPARE, {**header, "shared_memory": self._shared_memory})
        answer = self._await_prepared(on_progress, cancelled)
        self._wanted = (source, engine, options)
        self._info = _info(answer.header)
        self._attach(answer.header)
        return self._info

    def upload_portrait(
        self, source: PortraitSource, engine: str | None, options: EngineOptions
    ) -> Header:
        """Send the picture's bytes and return the fields that describe the portrait."""
        described, data = source.read()
        described["blob"] = self.upload(data)
        return {"portrait": described, "engine": engine, "options": options.header()}

    def upload(self, data: memoryview) -> int:
        """Send bytes in pieces; return the number under which later messages name them."""
        blob = next(self._blobs)
        for offset in range(0, max(1, data.nbytes), CHUNK):
            header = {"blob": blob, "size": data.nbytes, "offset": offset}
            self._send(Kind.BLOB, header, data[offset : offset + CHUNK])
        return blob

    def _await_prepared(
        self, on_progress: OnProgress | None, cancelled: Callable[[], bool] | None
    ) -> Message:
        asked = False
        while True:
            message = self.next_message(0.1 if cancelled else None)
            if message is None:
                if cancelled is not None and cancelled() and not asked:
                    self._send(Kind.CANCEL)
                    asked = True
                continue
            if message.kind == Kind.PREPARED:
                if asked:
                    raise Cancelled("stopped while the portrait was being prepared")
                return message
            if message.kind == Kind.PROGRESS and on_progress is not None:
                on_progress(
                    fields.text(message.header, "text", 2000),
                    min(1.0, max(0.0, fields.number(message.header, "fraction"))),
                )

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
        self._send(Kind.RING_ANSWER, {"attached": self._ring is not None})

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
        wanted = self._wanted
        if wanted is None:
            raise BackendLost("the connection broke before a portrait was prepared")
        end = time.monotonic() + self._timeout
        while True:
            self.close()
            try:
                self.prepare(*wanted)
                return
            except BackendLost:
                if time.monotonic() >= end:
                    raise
                time.sleep(RETRY_SECONDS)

    def post(self, coefficients: Coefficients) -> int:
        """Send a pose without waiting; a pose that was not begun yet is dropped for it.

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
        released = [self._released.popleft() for _ in range(len(self._released))]
        if released:
            header["released"] = released
        self._send(Kind.RENDER, header, payload)
        return sequence

    def receive(self, timeout: float | None) -> Frame | None:
        """Return the next frame, or None when none came within ``timeout`` seconds.

        Raises
        ------
        HeatError
            What the backend says went wrong with a pose; the connection stands unless it is a
            ProtocolError or BackendLost.
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
            pixels, shared = self._landing, False
            self._landing = None
        else:
            pixels, shared = self._slot_view(header, info), True
        assert pixels is not None
        return Frame(
            pixels,
            info.width,
            info.height,
            fields.integer(header, "sequence", 0, 1 << 53),
            fields.flag(header, "clamped"),
            fields.number(header, "render_ms", 0.0),
            shared,
        )

    def _slot_view(self, header: Header, info: PortraitInfo) -> Pixels:
        if self._ring is None:
            raise ProtocolError("a frame without pixels came, and no shared memory is agreed on")
        slot = fields.integer(header, "slot", 0, self._ring.name.slots - 1)
        released = self._released
        return self._ring.view(slot, (info.height, info.width, 4), lambda: released.append(slot))

    def _room(self, kind: Kind, header: Header, size: int) -> memoryview:
        if kind != Kind.FRAME or size == 0:
            return memoryview(bytearray(size))
        info = self._info
        if info is None or size != info.width * info.height * 4:
            raise ProtocolError(f"a frame of {size} bytes does not fit the portrait")
        self._landing = self._pool.take((info.height, info.width, 4))
        return self._landing.data.cast("B")

    def next_message(self, timeout: float | None) -> Message | None:
        """Return the next message, or None when none came within ``timeout`` seconds.

        Raises
        ------
        HeatError
            What an ERROR message tells; BackendLost where the connection ended.
        """
        channel = self._open_channel()
        try:
            if timeout is not None and not channel.wait(timeout):
                return None
            message = channel.receive(self._limits(), self._room)
        except (BackendLost, ProtocolError):
            self.close()
            raise
        if message is None:
            self.close()
            raise BackendLost("the backend ended the connection")
        if message.kind == Kind.ERROR:
            self._told(message.header)
        return message

    def request(self, kind: Kind, header: Header, answer: Kind) -> Message:
        """Send a message and return the next one of kind ``answer``."""
        self._send(kind, header)
        while True:
            message = self.next_message(None)
            if message is not None and message.kind == answer:
                return message

    def tell(self, kind: Kind, header: Header | None = None) -> None:
        """Send a message that needs no answer at once."""
        self._send(kind, header)

    def _limits(self) -> dict[Kind, Limit]:
        limits = dict(TO_CLIENT)
        if self._info is not None:
            limits[Kind.FRAME] = Limit(payload=self._info.width * self._info.height * 4)
        return limits

    def _send(
        self, kind: Kind, header: Header | None = None, payload: bytes | memoryview | None = None
    ) -> None:
        channel = self._open_channel()
        try:
            channel.send(kind, header, payload)
        except BackendLost as lost:
            error = self._last_words(channel) or lost
            self.close()
            raise error from lost

    def _last_words(self, channel: Channel) -> HeatError | None:
        """Return why the backend hung up, if it said so before."""
        limits = {**self._limits()}
        try:
            end = time.monotonic() + 0.5
            while message := channel.receive(limits, self._room, deadline=end):
                if message.kind == Kind.ERROR:
                    return error_from_code(
                        str(message.header.get("code")), str(message.header.get("text"))
                    )
        except HeatError:
            pass
        return None

    def _told(self, header: Header) -> None:
        if header.get("fatal", True):
            self.close()
        raise_error(header)

    def _open_channel(self) -> Channel:
        if self._channel is None:
            raise BackendLost("not connected")
        return self._channel


def _info(header: Header) -> PortraitInfo:
    return PortraitInfo(
        fields.integer(header, "width", 1, MAX_SIDE),
        fields.integer(header, "height", 1, MAX_SIDE),
        tuple(fields.texts(header, "notes", 100, 2000)),
        fields.text(header, "engine"),
        fields.text(header, "engine_version"),
    )
