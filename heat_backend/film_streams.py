# SPDX-License-Identifier: GPL-3.0-or-later
"""Which streams of a file are a film's moving pictures, when they begin, and ranges of seconds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from bridge.errors import UsageError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


def check_range(start: float, end: float | None) -> None:
    """Refuse a range of seconds that holds nothing.

    Raises
    ------
    UsageError
        ``start`` is no second of a recording, or ``end`` does not come after it.
    """
    if not 0.0 <= start < math.inf:
        raise UsageError(f"--start {start:g}: give a second of the film or sound, from 0 on")
    if end is not None and not start < end < math.inf:
        raise UsageError(f"--start {start:g} --end {end:g}: the end must come after the start")


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """List an open file's video streams, without the cover picture of a song or a film."""
    from av.stream import Disposition

    streams = container.streams.video
    return [s for s in streams if not (s.disposition and s.disposition & Disposition.attached_pic)]


def is_still(container: InputContainer) -> bool:
    """Whether an open file is a single picture, such as a JPEG."""
    name = container.format.name
    return name.startswith("image2") or name.endswith("_pipe")


def first_picture(path: Path) -> float | None:
    """Return the second of a film's own clock at which its first picture is shown.

    That is not always where its stream begins: pictures before the first that can be decoded, as in
    recordings that were cut out of others, are never shown.

    Returns
    -------
    float or None
        None where nothing moves.
    """
    import av

    with av.open(str(path), metadata_errors="replace") as container:
        pictures = moving_pictures(container)
        if not pictures or is_still(container):
            return None
        stream = pictures[0]
        try:
            for frame in container.decode(stream):
                if frame.time is not None:
                    return float(frame.time)
                break
        except av.FFmpegError:
            pass
        if stream.start_time is None or stream.time_base is None:
            return None
        return float(stream.start_time * stream.time_base)
