# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens videos and sounds by FFmpeg: only of listed kinds, and only the file that was named.

Some of FFmpeg's formats are play lists (``concat``, HLS, DASH): a file of such a kind makes it
open other files and addresses, whatever the file's name ends in.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer

FORMATS = (
    "aac", "ac3", "aiff", "amr", "apng", "asf", "au", "avi", "caf", "dv", "flac", "flv", "gif",
    "h264", "hevc", "ivf", "live_flv", "m4v", "matroska,webm", "mjpeg", "mov,mp4,m4a,3gp,3g2,mj2",
    "mp3", "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "w64", "wav", "wv",
    "yuv4mpegpipe",
    # Single pictures, which are refused later with a line of their own.
    "bmp_pipe", "jpeg_pipe", "jpegxl_pipe", "png_pipe", "tiff_pipe", "webp_pipe", "image2",
)  # fmt: skip
"""FFmpeg's names of the formats of video, sound and pictures that hold all their data."""


def open_media(path: Path) -> InputContainer:
    """Open a video or a sound.

    Raises
    ------
    av.FFmpegError, OSError, ValueError
        It is missing, damaged, or of no listed kind.
    """
    return av.open(
        str(path),
        metadata_errors="replace",
        options={"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)},
    )
