# SPDX-License-Identifier: GPL-3.0-or-later
"""A video or sound from a stranger opens no other file."""

import av
import numpy as np
import pytest

from bridge.errors import HeatError
from heat_backend.export.sound import check_sound
from heat_backend.media.container import open_media
from heat_backend.media.video import first_picture


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("mpeg4", 24)
        stream.width, stream.height = 64, 48
        for shade in (0, 128, 255):
            picture = np.full((48, 64, 3), shade, np.uint8)
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        movie.mux(stream.encode(None))
    return path


PLAY_LISTS = {
    "concat": "ffconcat version 1.0\nfile film.mp4\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfilm.mp4\n#EXT-X-ENDLIST\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
}


@pytest.mark.parametrize("kind", PLAY_LISTS)
@pytest.mark.parametrize("name", ["stranger.mp4", "stranger.wav", "stranger.m3u8"])
def test_a_play_list_by_any_name_opens_nothing(tmp_path, film, monkeypatch, kind, name):
    monkeypatch.chdir(tmp_path)
    stranger = tmp_path / name
    stranger.write_text(PLAY_LISTS[kind])
    with pytest.raises((av.FFmpegError, OSError, ValueError)):
        first_picture(stranger)
    with pytest.raises(HeatError):
        check_sound(stranger)


def test_a_film_opens(film):
    with open_media(film) as container:
        assert len(list(container.decode(video=0))) == 3
