# SPDX-License-Identifier: GPL-3.0-or-later
import threading

import numpy as np
import pytest
from PIL import Image

from bridge import packing
from bridge.client import EngineOptions, PortraitSource
from bridge.coefficients import Coefficients
from bridge.errors import BadInput, Cancelled, HeatError, UsageError
from bridge.preview import LivePreview
from bridge.wire import Kind
from tests.serve.conftest import SECRET, jaw, picture, portrait, until


@pytest.mark.parametrize("shared", [True, False])
def test_a_frame_comes_whole_by_either_way(connect, shared):
    pixels = picture(301, 203)
    client = connect(shared_memory=shared)
    info = client.prepare(PortraitSource(pixels=pixels))
    assert (info.width, info.height, info.engine) == (301, 203, "stand_in")
    assert info.notes
    frame = client.render(Coefficients.zero())
    assert frame.shared is shared
    np.testing.assert_array_equal(frame.pixels, pixels)
    brighter = client.render(jaw(0.5)).pixels
    np.testing.assert_array_equal(brighter[..., 0], np.minimum(pixels[..., 0] + 50.0, 255))


@pytest.mark.parametrize("shared", [True, False])
def test_a_held_frame_is_never_overwritten(connect, shared):
    client = connect(shared_memory=shared)
    client.prepare(portrait())
    held = [client.render(jaw(0.01 * i)).pixels for i in range(12)]
    copies = [pixels.copy() for pixels in held]
    for i in range(20):
        client.render(jaw(0.02 * i))
    for pixels, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(pixels, copy)


def test_holding_every_slot_sends_the_next_by_tcp_until_one_is_let_go(connect):
    client = connect()
    client.prepare(portrait())
    held = [client.render(jaw(0.1)) for _ in range(4)]
    assert all(frame.shared for frame in held)
    assert not client.render(jaw(0.2)).shared
    held.clear()
    assert client.render(jaw(0.3)).shared


def test_out_of_range_is_clamped_and_reported(connect):
    client = connect()
    client.prepare(portrait())
    wild = client.render(jaw(40.0))
    assert wild.clamped
    edge = client.render(jaw(1.5))
    assert not edge.clamped
    np.testing.assert_array_equal(wild.pixels, edge.pixels)


def test_nan_is_refused_by_the_client(connect):
    client = connect()
    client.prepare(portrait())
    with pytest.raises(BadInput, match="jawOpen"):
        client.render(jaw(0.1).__class__(np.where(np.arange(52) == 24, np.nan, 0)))
    client.render(jaw(0.1))


def test_nan_on_the_wire_is_refused_and_the_session_goes_on(connect):
    client = connect()
    client.prepare(portrait())
    values = np.zeros(58, "<f4")
    values[53] = np.nan
    client.tell(Kind.RENDER, {"sequence": 77}, values.tobytes())
    with pytest.raises(BadInput, match="rotation"):
        client.receive(10)
    assert client.render(jaw(0.1)).pixels.any()


def test_rendering_before_preparing_is_reported(connect):
    client = connect()
    names, payload = packing.pack(Coefficients.zero())
    client.tell(Kind.RENDER, {"sequence": 1, "edits": names}, payload)
    with pytest.raises(UsageError, match="no portrait"):
        client.next_message(10)


def test_the_server_keeps_only_the_newest_pose(connect, gate):
    client = connect()
    client.prepare(portrait(), "gated")
    first = client.post(jaw(0.0))
    gate.wait_begun()
    for i in range(1, 51):
        last = client.post(jaw(0.01 * i))
    client.request(Kind.PING, {"number": 1}, Kind.PONG)  # all poses have been read
    gate.let(2)
    assert client.receive(10).sequence == first
    frame = client.receive(10)
    assert frame.sequence == last
    assert frame.pixels[0, 0, 0] == 50
    assert gate.entered == [0.0, 0.5]


def live_preview(server, source=None, **options):
    from bridge.client import Client

    return LivePreview(lambda: Client(server.address, SECRET), source or portrait(), **options)


def newest(preview, wanted):
    """Take frames until one has the grey level wanted; return it."""

    def look():
        frame = preview.take()
        return frame if frame is not None and frame.pixels[0, 0, 0] == wanted else None

    return until(look)


def test_a_slow_renderer_builds_no_queue_and_the_last_pose_is_shown(server, gate):
    preview = live_preview(server, engine="gated")
    try:
        preview.send(jaw(0.0))
        gate.wait_begun()
        for i in range(1, 101):
            preview.send(jaw(0.01 * i))
        sender_done = until(lambda: preview.counts.sent >= 2)
        assert sender_done
        gate.let(1)
        gate.let(100)
        newest(preview, 100)
        assert gate.entered[-1] == 1.0
        assert len(gate.entered) <= 4
        assert preview.take() is None
    finally:
        gate.let(100)
        preview.stop(5)
    assert preview.state == "stopped"


def test_a_pose_sent_before_the_portrait_is_ready_is_shown(server, gate):
    gate.prepare_gate = threading.Event()
    gate.let(1)
    preview = live_preview(server, engine="gated")
    until(lambda: preview.state == "preparing" and preview.progress[0])
    assert preview.progress == ("waiting at the gate", 0.5)
    preview.send(jaw(0.1))
    preview.send(jaw(0.3))
    gate.prepare_gate.set()
    newest(preview, 30)
    assert gate.entered == [0.3]
    preview.stop(5)


def test_a_preview_can_be_stopped_while_it_prepares(server, gate):
    gate.prepare_gate = threading.Event()
    preview = live_preview(server, engine="gated")
    until(lambda: preview.progress[0])
    preview.stop(10)
    assert not preview.alive
    assert preview.state == "stopped"


def test_a_pose_that_breaks_the_engine_is_reported_and_the_next_one_shown(server, gate):
    gate.let(100)
    preview = live_preview(server, engine="gated")
    preview.send(Coefficients.of({"jawOpen": 0.1}, edits={"boom": 1.0}))
    until(lambda: preview.error and "boom" in preview.error)
    assert preview.alive
    preview.send(jaw(0.2))
    newest(preview, 20)
    assert preview.error is None
    preview.stop(5)


def test_the_preview_refuses_nan_at_once(server):
    preview = live_preview(server)
    with pytest.raises(BadInput, match="translation"):
        preview.send(Coefficients(translation=np.array([0, np.nan, 0])))
    preview.stop(5)


def test_a_portrait_that_cannot_be_used_fails_the_preview(server, tmp_path):
    preview = live_preview(server, PortraitSource(path=tmp_path / "nothing.jpg"))
    until(lambda: preview.state == "failed")
    assert "nothing.jpg" in preview.error
    preview.send(jaw(0.1))
    preview.stop(5)


def test_two_clients_at_once_each_see_their_own(connect):
    one, two = connect(), connect(shared_memory=False)
    one.prepare(PortraitSource(pixels=picture(20, 10, seed=1)))
    two.prepare(PortraitSource(pixels=picture(30, 40, seed=2)))
    failures = []

    def look(client, pixels):
        for _ in range(30):
            if not np.array_equal(client.render(Coefficients.zero()).pixels, pixels):
                failures.append(client)

    threads = [
        threading.Thread(target=look, args=(one, picture(20, 10, seed=1))),
        threading.Thread(target=look, args=(two, picture(30, 40, seed=2))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_the_same_portrait_for_two_clients_is_prepared_once(connect, gate):
    gate.let(10)
    made = []
    prepare = gate.prepare
    gate.prepare = lambda *a: made.append(1) or prepare(*a)
    one, two = connect(), connect()
    one.prepare(portrait(), "gated")
    two.prepare(portrait(), "gated")
    assert made == [1]
    one.prepare(portrait(), "gated", EngineOptions(size=64))
    assert made == [1, 1]


def test_a_file_with_spaces_and_letters_of_any_script(connect, tmp_path):
    path = tmp_path / "mein Porträt 肖像 (1).png"
    Image.fromarray(picture()).convert("RGB").save(path)
    client = connect()
    client.prepare(PortraitSource(path=path))
    np.testing.assert_array_equal(client.render(Coefficients.zero()).pixels, picture())


@pytest.mark.parametrize("case", ["missing", "folder", "empty", "truncated", "text", "no pixels"])
def test_a_bad_portrait_is_reported_and_the_connection_stays(connect, tmp_path, case):
    path = tmp_path / "bad.png"
    if case == "folder":
        path.mkdir()
    elif case == "empty":
        path.touch()
    elif case == "truncated":
        Image.fromarray(picture(200, 200)).save(path)
        path.write_bytes(path.read_bytes()[:5000])
    elif case == "text":
        path.write_text("not a picture")
    source = PortraitSource(path=path)
    if case == "no pixels":
        source = PortraitSource(pixels=np.zeros((0, 5, 4), np.uint8), name="bad.png")
    client = connect()
    with pytest.raises(BadInput, match=r"bad\.png") as told:
        client.prepare(source)
    assert "heat-session" not in str(told.value)  # no folder of the backend's own
    client.prepare(portrait())
    client.render(jaw(0.2))


def test_an_unknown_engine_is_reported(connect):
    client = connect()
    with pytest.raises(UsageError, match="nonesuch"):
        client.prepare(portrait(), "nonesuch")
    client.prepare(portrait())


def test_preparing_can_be_cancelled(connect, gate):
    gate.prepare_gate = threading.Event()
    client = connect()
    seen = []
    with pytest.raises(Cancelled):
        client.prepare(
            portrait(),
            "gated",
            on_progress=lambda text, fraction: seen.append((text, fraction)),
            cancelled=lambda: bool(seen),
        )
    assert seen == [("waiting at the gate", 0.5)]
    client.prepare(portrait())


def test_a_client_that_goes_while_preparing_stops_it(connect, gate):
    gate.prepare_gate = threading.Event()
    leaving, staying = connect(), connect()
    blob = leaving.upload_portrait(portrait(), "gated", EngineOptions())
    leaving.tell(Kind.PREPARE, {**blob, "shared_memory": False})
    assert leaving.next_message(10).kind == Kind.PROGRESS
    leaving.close()
    staying.prepare(portrait())  # preparing goes one at a time: it would wait for ever


def test_a_new_portrait_may_be_asked_for_while_a_frame_is_on_its_way(connect, gate):
    client = connect(shared_memory=False)
    client.prepare(portrait(), "gated")
    client.post(jaw(0.1))
    gate.wait_begun()
    gate.let(1)
    info = client.prepare(portrait())
    assert (info.width, info.height) == (48, 32)
    np.testing.assert_array_equal(client.render(Coefficients.zero()).pixels, picture())


def test_a_failure_of_the_engine_is_one_line_and_the_session_goes_on(connect, gate):
    gate.let(10)
    client = connect()
    client.prepare(portrait(), "gated")
    with pytest.raises(HeatError, match="boom") as told:
        client.render(Coefficients.of(edits={"boom": 1.0}))
    assert "\n" not in str(told.value)
    assert client.render(jaw(0.4)).pixels[0, 0, 0] == 40
