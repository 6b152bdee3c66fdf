# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines and prepared portraits, shared by all sessions and exports of one backend."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridge import fields
from bridge.errors import BadInput, Cancelled, ProtocolError, UsageError
from bridge.frame_size import LARGEST_FRAME, SMALLEST_FRAME
from bridge.wire import Header
from heat_backend.engines.description import load
from heat_backend.engines.protocol import Engine, EngineSettings, Portrait
from heat_backend.engines.registry import describe, engine_names, make_engine
from heat_backend.serve.fair_lock import FairLock, LockedPortrait, threads_must_not_overlap

if TYPE_CHECKING:
    from heat_backend.media.photo import Photo

MAX_SIDE = 32768
PHOTOS_AT_ONCE = 2  # that are read: each may take as much memory as a photo may have pixels
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class PortraitRequest:
    """A portrait as a message asked for it.

    Attributes
    ----------
    file : Path
        The upload: an encoded picture, or raw RGBA8 where ``pixels_size`` is given.
    pixels_size : (int, int) or None
        Width and height of raw pixels.
    name : str
        What the user calls it.
    engine : str
        Name of the engine.
    settings : EngineSettings
        Size, device, face.
    """

    file: Path
    pixels_size: tuple[int, int] | None
    name: str
    engine: str
    settings: EngineSettings


@dataclass(frozen=True, eq=False)
class Prepared:
    """A portrait that is ready to render, and what it is."""

    portrait: Portrait
    key: str
    engine: str
    version: str
    photo_digest: str

    @property
    def label(self) -> str:
        """Name and version of the engine."""
        return f"{self.engine} {self.version}"


class PortraitCache:
    """Makes engines and portraits; the same portrait asked for twice is prepared once.

    Parameters
    ----------
    engine : str
        The engine of requests that name none.
    device : str
        The device of requests that name none.
    """

    def __init__(self, engine: str, device: str) -> None:
        self.engine = engine
        self.device = device
        self.lock = FairLock()
        self._one_at_a_time = threading.Lock()
        self._asked = threading.Event()  # a portrait has been asked for
        self._reading = threading.BoundedSemaphore(PHOTOS_AT_ONCE)
        self._engines: dict[str, Engine] = {}
        self._prepared: weakref.WeakValueDictionary[tuple[str, str, str], Prepared]
        self._prepared = weakref.WeakValueDictionary()

    def request(self, header: Header, take_blob: Callable[[int, str], Path]) -> PortraitRequest:
        """Read the fields of PREPARE and EXPORT that describe a portrait."""
        portrait = fields.table(header, "portrait")
        kind = fields.text(portrait, "kind")
        if kind not in ("file", "pixels"):
            raise ProtocolError(f"field 'kind': a portrait cannot be {kind[:40]!r}")
        size = None
        if kind == "pixels":
            size = (
                fields.integer(portrait, "width", 1, MAX_SIDE),
                fields.integer(portrait, "height", 1, MAX_SIDE),
            )
        name = fields.text(portrait, "name", 1024)
        engine = fields.text({"engine": header.get("engine") or self.engine}, "engine")
        options = fields.table(header, "options")
        settings = EngineSettings(
            size=_frame_size(options),
            device=fields.text({"device": options.get("device") or self.device}, "device"),
            face=fields.optional_integer(options, "face", 0, 1000),
            neutralise=fields.flag(options, "neutralise"),
            options=_own_options(engine, options),
        )
        # Last, so that a request that is refused leaves its upload to be taken or replaced.
        file = take_blob(fields.integer(portrait, "blob", 1, 1 << 53), name)
        return PortraitRequest(file, size, name, engine, settings)

    def warm_up(self) -> None:
        """Load the default engine and what it needs now, until the first portrait is asked for."""
        with self._one_at_a_time:
            self._engine(self.engine)
            warm_up = describe(self.engine).warm_up
            if warm_up:
                with suppress(Cancelled):
                    load(warm_up)(self._asked.is_set)

    def prepare(
        self, request: PortraitRequest, progress: Progress, cancelled: Callable[[], bool]
    ) -> Prepared:
        """Prepare a portrait, or find it prepared.

        Raises
        ------
        BadInput, MissingHere, UsageError, Cancelled
            As the photo or the engine has it.
        """
        from heat_backend.export.shot import portrait_key

        self._asked.set()
        # Reading a large photo takes seconds and must not keep others from their prepared one.
        with _held(self._reading, progress, cancelled):
            photo = _photo(request)
        with _held(self._one_at_a_time, progress, cancelled):
            key = portrait_key(photo, request.settings)
            place = (key, request.engine, request.settings.device)
            found = self._prepared.get(place)
            if found is not None:
                return found
            engine = self._engine(request.engine)
            alone = self.lock.turn() if threads_must_not_overlap() else nullcontext()
            with alone:
                portrait = engine.prepare(photo, request.settings, progress, cancelled)
            if cancelled():
                raise Cancelled("stopped while the portrait was being prepared")
            in_turn = LockedPortrait(portrait, self.lock)
            made = Prepared(in_turn, key, engine.name, engine.version, photo.digest)
            self._prepared[place] = made
            return made

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = make_engine(name)
        return self._engines[name]


@contextmanager
def _held(
    lock: threading.Lock | threading.Semaphore, progress: Progress, cancelled: Callable[[], bool]
) -> Iterator[None]:
    """Hold a lock; while it is waited for, the client is told and may cancel."""
    if not lock.acquire(blocking=False):
        progress("waiting for what is being made ready", 0.0)
        while not lock.acquire(timeout=0.1):
            if cancelled():
                raise Cancelled("stopped before the portrait was prepared")
    try:
        if cancelled():
            raise Cancelled("stopped before the portrait was prepared")
        yield
    finally:
        lock.release()


def _frame_size(options: Header) -> int | None:
    size = fields.optional_integer(options, "size", 1, 1 << 31)
    if size is not None and not SMALLEST_FRAME <= size <= LARGEST_FRAME:
        raise UsageError(
            f"frames of {size} pixels cannot be drawn: "
            f"choose a size from {SMALLEST_FRAME} to {LARGEST_FRAME}"
        )
    return size


def _own_options(engine: str, options: Header) -> object:
    """Read the engine's own options: the table ``engine_options``, or fields beside the general.

    Clients of before send the options of every engine as fields, whatever the engine is. An
    unknown engine is refused when it is to prepare the portrait.
    """
    if engine not in engine_names():
        return None
    described = describe(engine)
    beside = {one.name: options[one.name] for one in described.option_list() if one.name in options}
    table = fields.table(options, "engine_options") if options.get("engine_options") else {}
    given = {name: value for name, value in (beside | table).items() if value is not None}
    return described.read_options(given)


def _photo(request: PortraitRequest) -> Photo:
    from heat_backend.media.photo import from_rgba, load_photo

    if request.pixels_size is None:
        return load_photo(request.file)
    width, height = request.pixels_size
    if request.file.stat().st_size != width * height * 4:
        raise BadInput(f"{request.name}: the pixels are not {width} x {height} RGBA")
    pixels = np.fromfile(request.file, np.uint8).reshape(height, width, 4)
    return from_rgba(pixels, request.name)
