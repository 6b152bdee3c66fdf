# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client asks the backend to prepare: a portrait, an engine and its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine_description import OptionValue
from .errors import BadInput
from .wire import MAX_BLOB, Header

GENERAL_OPTIONS = ("size", "device", "face", "neutralise")


@dataclass(frozen=True)
class EngineOptions:
    """How a portrait is to be prepared.

    Attributes
    ----------
    size : int or None
        Long side of the frames in pixels; None keeps the photo's own size.
    device : str or None
        ``"auto"``, ``"cpu"`` or ``"cuda"``; None takes what the backend was started with.
    face : int or None
        Which face of several, as ``inspect`` numbers them; None takes the largest.
    neutralise : bool
        Bring a photographed expression to rest first.
    engine_options : mapping
        The engine's own options by name; see ``bridge.engine_description``. What is left out is at
        its default.
    """

    size: int | None = None
    device: str | None = None
    face: int | None = None
    neutralise: bool = False
    engine_options: Mapping[str, OptionValue] = field(default_factory=dict)

    def header(self) -> Header:
        """Return the fields as they stand in a message."""
        own = dict(self.engine_options)
        general = {name: getattr(self, name) for name in GENERAL_OPTIONS}
        # Backends of before know the engine's own options only beside the general ones.
        return {**own, **general, "engine_options": own}

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> EngineOptions:
        """Read fields as :meth:`header` returns them, or as earlier versions did.

        Raises
        ------
        BadInput
            When the engine's own options are no table.
        """
        own = values.get("engine_options", {})
        if not isinstance(own, Mapping):
            raise BadInput("engine_options: not a table")
        known = {*GENERAL_OPTIONS, "engine_options"}
        beside = {name: value for name, value in values.items() if name not in known}
        general = {name: values[name] for name in GENERAL_OPTIONS if name in values}
        return cls(**general, engine_options={**beside, **own})


@dataclass(frozen=True, eq=False)
class PortraitSource:
    """The still picture: a file, or pixels that are in memory already.

    Attributes
    ----------
    path : str, Path or None
        An encoded picture. Its bytes are sent, so the backend may be on any machine.
    pixels : (H, W, 4) or (H, W, 3) uint8 or None
        sRGB, row 0 at the top; used where ``path`` is None.
    name : str
        What to call pixels in messages.
    """

    path: str | Path | None = None
    pixels: NDArray[np.uint8] | None = None
    name: str = "image"

    def read(self) -> tuple[Header, memoryview]:
        """Return the description and the bytes to send.

        Raises
        ------
        BadInput
            The file is missing, empty, a folder or not readable, or the pixels are of a wrong
            shape.
        """
        if self.path is not None:
            path = Path(self.path)
            data = _file_bytes(path)
            return {"kind": "file", "name": path.name}, memoryview(data)
        if self.pixels is None:
            raise BadInput("no portrait is chosen")
        pixels = np.asarray(self.pixels)
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype != np.uint8:
            raise BadInput(
                f"{self.name}: pixels of shape {pixels.shape} and type {pixels.dtype} where "
                "(height, width, 4) of uint8 is needed"
            )
        height, width = pixels.shape[:2]
        if not height or not width:
            raise BadInput(f"{self.name}: the picture has no pixels")
        rgba = np.empty((height, width, 4), np.uint8)
        rgba[..., 3] = 255
        rgba[..., : pixels.shape[2]] = pixels
        described = {"kind": "pixels", "name": self.name, "width": width, "height": height}
        return described, rgba.data.cast("B")


@dataclass(frozen=True)
class PortraitInfo:
    """What the backend says of the portrait that it prepared.

    Attributes
    ----------
    width, height : int
        Size of the frames in pixels.
    notes : tuple of str
        What is worth knowing about the photo (turned by EXIF, extreme pose ...).
    engine, engine_version : str
        Which engine holds it.
    wants_neighbours : bool
        Its frames depend on the motion around them: a pose should bring its neighbours.
    inversion_seconds : float or None
        What inverting the portrait takes, where the engine inverts it; see ``bridge.edit_cost``.
    """

    width: int
    height: int
    notes: tuple[str, ...]
    engine: str
    engine_version: str
    wants_neighbours: bool = False
    inversion_seconds: float | None = None


def _file_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise BadInput(f"{path} is a folder; choose a picture in it")
    try:
        size = path.stat().st_size
        if size > MAX_BLOB:
            raise BadInput(f"{path} has {size >> 20} MB; {MAX_BLOB >> 20} MB are the most")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise BadInput(f"{path} is empty")
    return data
