# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a few small rectangles of an X screen and prints when one of them changes.

``python screen_watch.py '[[x, y, width, height], ...]'``: a line "seconds index" for each change,
in `time.perf_counter`, which is one clock for all processes of a Linux machine. It looks every
``EVERY`` seconds, so a change is reported at most that much late.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import sys
import time
import zlib
from typing import Any

EVERY = 0.003
_ALL_PLANES = 0xFFFFFFFF
_Z_PIXMAP = 2


class _Image(ctypes.Structure):
    """The head of Xlib's XImage."""

    _fields_ = [
        *((name, ctypes.c_int) for name in ("width", "height", "xoffset", "format")),
        ("data", ctypes.c_void_p),
        *((name, ctypes.c_int) for name in ("byte_order", "unit", "bit_order", "pad", "depth")),
        ("bytes_per_line", ctypes.c_int),
    ]


class Screen:
    """The X screen that DISPLAY names."""

    def __init__(self) -> None:
        x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        x.XOpenDisplay.restype = ctypes.c_void_p
        x.XDefaultRootWindow.argtypes = [ctypes.c_void_p]
        x.XDefaultRootWindow.restype = ctypes.c_ulong
        x.XGetImage.restype = ctypes.POINTER(_Image)
        x.XGetImage.argtypes = [
            ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_int, ctypes.c_uint,
            ctypes.c_uint, ctypes.c_ulong, ctypes.c_int,
        ]  # fmt: skip
        x.XDestroyImage.argtypes = [ctypes.POINTER(_Image)]
        self._x: Any = x
        self._display = x.XOpenDisplay(None)
        if not self._display:
            sys.exit("no X display")
        self._root = x.XDefaultRootWindow(self._display)

    def print_of(self, rect: tuple[int, int, int, int]) -> int:
        """Return a checksum of the pixels of a rectangle."""
        image = self._x.XGetImage(self._display, self._root, *rect, _ALL_PLANES, _Z_PIXMAP)
        head = image.contents
        checksum = zlib.crc32(ctypes.string_at(head.data, head.bytes_per_line * head.height))
        self._x.XDestroyImage(image)
        return checksum


def main() -> None:
    """Watch until killed, or until its output is closed."""
    screen = Screen()
    rects = [tuple(rect) for rect in json.loads(sys.argv[1])]
    before = [screen.print_of(rect) for rect in rects]
    print("watching", flush=True)
    while True:
        for index, rect in enumerate(rects):
            now = screen.print_of(rect)
            if now != before[index]:
                before[index] = now
                print(time.perf_counter(), index, flush=True)
        time.sleep(EVERY)


if __name__ == "__main__":
    main()
