# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech with exact phoneme times from libespeak-ng, by ctypes.

A process may initialise the library only once. Training and measuring need it; ``heat speak`` does
not.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bridge.errors import BadInput, MissingHere

NEEDS = "espeak-ng 1.51 or newer is needed: sudo apt install espeak-ng"

_SYNCHRONOUS, _PHONEMES, _IPA = 2, 1, 2
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1
_PHONEME_EVENT = 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, eq=False)
class Spoken:
    """Synthesised speech.

    Attributes
    ----------
    samples : (N,) float32
        -1..1.
    rate : int
        Samples a second.
    events : tuple of (second, IPA name)
        Where each phoneme begins; for p, t and k where it bursts.
    """

    samples: NDArray[np.float32]
    rate: int
    events: tuple[tuple[float, str], ...]


class Espeak:
    """The library, initialised; make it with :func:`espeak`."""

    def __init__(self) -> None:
        self._library, data = _library()
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEMES | _IPA))
        if self.rate <= 0:
            raise MissingHere(f"espeak-ng finds no voices. {NEEDS}")
        self._blocks: list[NDArray[np.int16]] = []
        self._events: list[tuple[float, str]] = []
        self._callback = _Callback(self._take)  # kept, or the library would call into nothing
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, wave: object, count: int, events: object) -> int:
        if wave and count > 0:
            self._blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != 0:  # type: ignore[index]
            event = events[i]  # type: ignore[index]
            if event.type == _PHONEME_EVENT:
                raw = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                self._events.append((event.sample / self.rate, raw.decode("utf-8", "ignore")))
            i += 1
        return 0

    def say(
        self, text: str, voice: str, speed: int = 160, pitch: int = 50, span: int = 50
    ) -> Spoken:
        """Speak one text.

        Parameters
        ----------
        text : str
        voice : str
            Language, and a variant after ``+``: ``en-us+f3``.
        speed : int
            Words a minute.
        pitch, span : int
            0..100: how high, and how much it moves.

        Raises
        ------
        BadInput
            There is no such voice.
        """
        library = self._library
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise BadInput(f"espeak-ng has no voice {voice!r}")
        for kind, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, span)):
            library.espeak_SetParameter(kind, int(value), 0)
        self._blocks, self._events = [], []
        raw = text.encode("utf-8")
        library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
        wave = np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)
        return Spoken(wave.astype(np.float32) / 32768.0, self.rate, tuple(self._events))


def _library() -> tuple[ctypes.CDLL, bytes | None]:
    """Load the system's library, else the one of the wheel espeakng-loader with its voices."""
    with suppress(OSError):
        return ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"), None
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        return library, str(espeakng_loader.get_data_path()).encode()
    except (ImportError, OSError) as error:
        raise MissingHere(NEEDS) from error


@lru_cache(maxsize=1)
def espeak() -> Espeak:
    """Return the library of this process.

    Raises
    ------
    MissingHere
        It is not installed.
    """
    return Espeak()
