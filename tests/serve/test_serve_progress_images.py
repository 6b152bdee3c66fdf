# SPDX-License-Identifier: GPL-3.0-or-later
"""The portrait so far, while an engine paints it anew: shown to those who ask, and cancelled."""

import numpy as np
import pytest

from bridge.errors import Cancelled, ProtocolError
from bridge.preview import LivePreview
from bridge.wire import Channel, Kind
from tests import stand_in_engine
from tests.serve.conftest import jaw, portrait, until

PAINTER = stand_in_engine.PAINTER


def test_the_portrait_so_far_comes_while_it_is_prepared(connect):
    client = connect()
    images, told = [], []
    client.prepare(
        portrait(width=600, height=600),
        PAINTER,
        on_progress=lambda text, share: told.append(text),
        on_progress_image=images.append,
    )
    assert len(images) >= 3
    assert all(image.shape == (256, 256, 4) for image in images)
    assert all((image[..., 3] == 255).all() for image in images)
    contrast = [float(image[..., :3].std()) for image in images]
    assert contrast == sorted(contrast) and contrast[-1] > 2 * contrast[0]
    assert any("painting" in text for text in told)
    assert client.render(jaw(0.0)).pixels.shape == (600, 600, 4), "the frames come as ever"


def test_a_client_that_did_not_ask_gets_no_payload(connect, monkeypatch):
    seen = []
    receive = Channel.receive

    def noted(self, *args, **more):
        message = receive(self, *args, **more)
        seen.append(message)
        return message

    monkeypatch.setattr(Channel, "receive", noted)
    client = connect()
    client.prepare(portrait(), PAINTER, on_progress=lambda *_: None)
    progress = [m for m in seen if m is not None and m.kind == Kind.PROGRESS]
    assert progress and not any(m.payload.nbytes or "sketch" in m.header for m in progress)


def test_cancel_is_heard_while_progress_images_come(connect, monkeypatch):
    monkeypatch.setenv(stand_in_engine.PAINT_SECONDS, "60")
    client = connect()
    images = []
    with pytest.raises(Cancelled):
        client.prepare(
            portrait(), PAINTER, cancelled=lambda: len(images) >= 3, on_progress_image=images.append
        )
    assert 3 <= len(images) < 600
    client.prepare(portrait())
    client.render(jaw(0.2))


def test_a_progress_image_of_another_size_than_announced_is_refused(connect, monkeypatch):
    from heat_backend.serve import preview_worker

    def lying(self, pixels):
        self._send({"sketch": {"width": 9, "height": 9}}, np.zeros((4, 4, 4), np.uint8))

    monkeypatch.setattr(preview_worker.ProgressImageReport, "picture", lying)
    with pytest.raises(ProtocolError, match="progress image"):
        connect().prepare(portrait(), PAINTER, on_progress_image=lambda pixels: None)


def test_a_live_preview_hands_progress_images_out_until_the_portrait_is_ready(connect):
    live = LivePreview(connect, portrait(), PAINTER)
    live.send(jaw(0.0))
    images = []

    def arrived():
        images.append(live.take_progress_image())
        return images[-1] is not None

    until(arrived)
    assert images[-1].shape == (256, 256, 4)
    until(live.take)
    live.take_progress_image()
    assert live.take_progress_image() is None
    live.stop(5.0)
