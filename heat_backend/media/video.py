# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding of videos: rate and length, and the frames of a range of seconds, upright and in RGB.

Second 0 is the first picture that can be decoded. In formats that can be entered at a key frame, a
late range is decoded from shortly before its start.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, dropwhile
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from bridge.errors import BadInput, UsageError
from heat_backend.media.container import open_media

# Larger pictures only cost time: the landmark networks look at crops of about 200 pixels.
WORKING_SIDE = 960
ASK_FOR_VIDEO = "choose a video with a face in it, such as an .mp4"
DEFAULT_RATE = 25.0  # frames a second, where the container names none
INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""FFmpeg's names of formats that can be entered at a key frame; others are read from the start."""
SEEK_FROM = 2.0
"""Seconds of ``start`` below which that gains nothing."""
SEEK_BACK = (0.0, 5.0, 30.0)
"""Seconds before the place asked for at which a key frame is looked for, one after the other."""


def check_range(start: float, end: float | None) -> None:
    """Check that a range of seconds is not empty.

    Raises
    ------
    UsageError
        ``start`` is negative or not finite, or ``end`` does not come after it.
    """
    if not 0.0 <= start < math.inf:
        raise UsageError(f"--start {start:g}: give a second of the video or sound, from 0 on")
    if end is not None and not start < end < math.inf:
        raise UsageError(f"--start {start:g} --end {end:g}: the end must come after the start")


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """List an open file's video streams, without the cover picture of a song or a video."""
    streams = container.streams.video
    return [s for s in streams if not (s.disposition and s.disposition & Disposition.attached_pic)]


def is_still(container: InputContainer) -> bool:
    """Whether an open file is a single picture, such as a JPEG."""
    name = container.format.name
    return name.startswith("image2") or name.endswith("_pipe")


def first_picture(path: Path) -> float | None:
    """Return the second of a video's own clock at which its first picture is shown.

    That is not always where its stream begins: pictures before the first that can be decoded, as in
    recordings that were cut out of others, are never shown.

    Returns
    -------
    float or None
        None where nothing moves.
    """
    with open_media(path) as container:
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


@dataclass(frozen=True)
class VideoFrame:
    """One decoded frame.

    Attributes
    ----------
    seconds : float
        When it is shown, from the video's first frame.
    pixels : ndarray, shape (H, W, 3), uint8
        RGB, upright, long side at most ``WORKING_SIDE``.
    """

    seconds: float
    pixels: NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """Rate and length by the container, before decoding.

    Attributes
    ----------
    rate : float
        Average frames a second.
    seconds : float
        Expected length of the chosen range.
    frames : int
        Expected number in it; an estimate, too high where the rate varies.
    sound : bool
        Whether there is an audio stream.
    """

    rate: float
    seconds: float
    frames: int
    sound: bool


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    try:
        container = open_media(path)
    except FileNotFoundError as error:
        raise BadInput(f"there is no video {path}: {ASK_FOR_VIDEO}") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder: {ASK_FOR_VIDEO}") from error
    except PermissionError as error:
        raise BadInput(f"no permission to read {path}: change the file's permissions") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadInput(f"{path.name} is not a video that can be read: {ASK_FOR_VIDEO}") from error
    with container:
        if is_still(container):
            raise BadInput(f"{path.name} is a still picture: {ASK_FOR_VIDEO}")
        if not moving_pictures(container):
            if container.streams.audio:
                raise BadInput(
                    f"{path.name} holds sound but no picture: use  heat speak {path.name}"
                )
            raise BadInput(f"{path.name} holds no picture: {ASK_FOR_VIDEO}")
        yield container


def video_info(path: Path, start: float = 0.0, end: float | None = None) -> VideoInfo:
    """Read rate and length.

    Parameters
    ----------
    path : path
    start, end : float
        Seconds from the video's first frame.

    Raises
    ------
    BadInput
        It is no video.
    """
    with _opened(path) as container:
        stream = moving_pictures(container)[0]
        rate = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
        rate = rate if 0.5 <= rate <= 1000.0 else DEFAULT_RATE
        length = 0.0
        if stream.duration is not None and stream.time_base is not None:
            length = float(stream.duration * stream.time_base)
        elif container.duration is not None:
            length = (container.duration - max(0, container.start_time or 0)) / av.time_base
        until = length if end is None else min(end, length)
        seconds = max(0.0, until - start)
        count = math.ceil(seconds * rate - 1e-6)
        return VideoInfo(rate, seconds, max(0, count), bool(container.streams.audio))


def video_frames(path: Path, start: float = 0.0, end: float | None = None) -> Iterator[VideoFrame]:
    """Decode the frames of a video in the order they are shown, one at a time.

    Parameters
    ----------
    path : path
    start, end : float
        Seconds from the video's first frame; frames in [start, end) are decoded.

    Raises
    ------
    BadInput
        It is no video, or has no frame in that range. A truncated video ends where it can no longer
        be read.
    """
    check_range(start, end)
    seen = 0
    with _opened(path) as container:
        stream = moving_pictures(container)[0]
        stream.thread_type = "AUTO"
        shown = None
        try:
            for shown in _shown(path, container, stream, start):
                if end is not None and shown.seconds >= end - 1e-6:
                    break
                if shown.seconds >= start - 1e-6:
                    seen += 1
                    yield VideoFrame(shown.seconds, _upright(shown.frame))
        except av.error.FFmpegError:
            if not seen:
                raise BadInput(f"{path.name} is damaged: {ASK_FOR_VIDEO}") from None
    if shown is None:
        raise BadInput(f"{path.name} holds no frames: {ASK_FOR_VIDEO}")
    if not seen:
        raise BadInput(f"{path.name} has no frames from --start {start:g} on")


class _Shown(NamedTuple):
    seconds: float  # from the video's first frame
    frame: av.VideoFrame


def _shown(
    path: Path, container: InputContainer, stream: VideoStream, start: float
) -> Iterator[_Shown]:
    """Decode from the beginning, or where that is as exact from shortly before ``start``."""
    first: float | None = None
    if start > SEEK_FROM and container.format.name in INDEXED:
        first = first_picture(path)
    frames = None if first is None else _from_key_frame(container, stream, first + start)
    if frames is None:
        first, frames = None, container.decode(stream)
    rate = float(stream.average_rate or DEFAULT_RATE)
    seconds = 0.0
    for last, frame in enumerate(frames):
        stamp = frame.time if frame.time is not None else last / rate
        first = stamp if first is None else first
        if last > 0 and stamp < first + seconds - 1e-6:
            # Time runs back, as where videos were concatenated.
            first = stamp - seconds - 1.0 / rate
        seconds = float(stamp - first)
        yield _Shown(seconds, frame)


def _from_key_frame(
    container: InputContainer, stream: VideoStream, stamp: float
) -> Iterator[av.VideoFrame] | None:
    """Decode from a key frame not after ``stamp``; None, back at the beginning, without one."""
    unit = float(stream.time_base or 1.0 / av.time_base)
    for margin in SEEK_BACK:
        try:
            container.seek(round((stamp - margin) / unit), stream=stream)
            # Pictures shown before their key frame may refer to others that were not decoded.
            frames = dropwhile(lambda frame: not frame.key_frame, container.decode(stream))
            key = next(frames, None)
        except av.error.FFmpegError:
            break
        if key is not None and key.time is not None and key.time <= stamp:
            return chain([key], frames)
    container.seek(min(0, stream.start_time or 0), stream=stream)
    return None


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    scale = min(1.0, WORKING_SIDE / max(frame.width, frame.height))
    size = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    pixels = frame.to_ndarray(format="rgb24", width=size[0], height=size[1])
    quarters = round(frame.rotation / 90.0) % 4
    # The metadata's angle is counter-clockwise, as is rot90.
    return np.ascontiguousarray(np.rot90(pixels, quarters) if quarters else pixels)
