# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews of portraits whose frames depend on the motion around them."""

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.errors import BadInput
from bridge.preview import LivePreview
from bridge.wire import Kind
from heat_backend.engines import registry
from heat_backend.engines.description import EngineDescription
from tests.serve.conftest import JAW, SECRET, jaw, portrait, until
from tests.stand_in_engine import StandInPortrait


class Watcher(StandInPortrait):
    """Remembers the jawOpen of each window; None where the pose counts as held."""

    wants_neighbours = True

    def __init__(self, photo, seen):
        super().__init__(photo, None)
        self._seen = seen

    def render(self, coefficients, out=None):
        self._seen.append(None)
        return super().render(coefficients, out)

    def render_within(self, coefficients, neighbours, out=None):
        self._seen.append([round(float(one.expression[JAW]), 4) for one in neighbours])
        return super().render(coefficients, out)


@pytest.fixture
def seen(server):
    """What portraits of the engine "watcher" are asked for."""
    asked = []

    class Engine:
        name, version = "watcher", "1"

        def prepare(self, photo, settings, progress, cancelled):
            return Watcher(photo, asked)

    registry.register(EngineDescription("watcher", Engine))
    return asked


def rising():
    return [jaw(0.02 * i) for i in range(27)]


def newest(client, number):
    frame = client.receive(10)
    assert frame is not None
    assert frame.sequence == number
    return frame


def test_a_portrait_that_wants_them_is_rendered_within_its_neighbours(connect, seen):
    client = connect()
    assert client.prepare(portrait(), "watcher").wants_neighbours
    frame = newest(client, client.post(jaw(0.26), rising()))
    assert seen == [[round(0.02 * i, 4) for i in range(27)]]
    np.testing.assert_array_equal(frame.pixels, client.render(jaw(0.26)).pixels)
    assert seen[1:] == [None]


def test_neighbours_out_of_range_are_clamped(connect, seen):
    client = connect()
    client.prepare(portrait(), "watcher")
    frame = newest(client, client.post(jaw(0.5), [jaw(9.0), *rising()[1:]]))
    assert not frame.clamped
    assert seen[0][:2] == [1.5, 0.02]


def test_to_other_portraits_nothing_more_is_sent(connect, monkeypatch):
    client = connect()
    assert not client.prepare(portrait()).wants_neighbours
    sent = []
    tell = client.tell
    monkeypatch.setattr(client, "tell", lambda *told: sent.append(told) or tell(*told))
    newest(client, client.post(jaw(0.3), rising()))
    ((kind, header, payload),) = sent
    assert (kind, set(header), len(payload)) == (Kind.RENDER, {"sequence"}, 58 * 4)


def test_a_portrait_that_does_not_want_them_ignores_neighbours(connect):
    client = connect()
    client.prepare(portrait())
    client.tell(Kind.RENDER, {"sequence": 5, "neighbours": True}, bytes(28 * 58 * 4))
    np.testing.assert_array_equal(
        newest(client, 5).pixels, client.render(Coefficients.zero()).pixels
    )


def test_nan_among_neighbours_is_refused_and_the_session_goes_on(connect, seen):
    client = connect()
    client.prepare(portrait(), "watcher")
    values = np.zeros(28 * 58, "<f4")
    values[-1] = np.nan
    client.tell(Kind.RENDER, {"sequence": 5, "neighbours": True}, values.tobytes())
    with pytest.raises(BadInput, match="translation"):
        client.receive(10)
    newest(client, client.post(jaw(0.1), rising()))


def test_a_live_preview_passes_them_on(server, seen):
    from bridge.client import Client

    preview = LivePreview(lambda: Client(server.address, SECRET), portrait(), "watcher")
    try:
        with pytest.raises(BadInput, match="neighbours"):
            preview.send(jaw(0.1), rising()[:5])
        preview.send(jaw(0.26), rising())
        until(preview.take)
        preview.send(jaw(0.1))
        until(preview.take)
    finally:
        preview.stop(5)
    assert [bool(one) for one in seen] == [True, False]
