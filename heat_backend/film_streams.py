# SPDX-License-Identifier: GPL-3.0-or-later
"""Which streams of a file are a film's moving pictures: covers and stills are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """List an open file's video streams, without the cover picture of a song or a film."""
    from av.stream import Disposition

    streams = container.streams.video
    return [s for s in streams if not (s.disposition and s.disposition & Disposition.attached_pic)]


def is_still(container: InputContainer) -> bool:
    """Whether an open file is a single picture, such as a JPEG."""
    name = container.format.name
    return name.startswith("image2") or name.endswith("_pipe")
