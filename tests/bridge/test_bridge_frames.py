# SPDX-License-Identifier: GPL-3.0-or-later
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bridge import frames
from bridge.errors import MissingHere
from bridge.frames import BufferPool, RingName, SharedRing, lease, ring_folder, sweep_stale_rings

ROOT = Path(__file__).resolve().parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="Windows has no files to unlink here")


def ring_files():
    return {path.name for path in ring_folder().glob(f"{frames.NAME_START}{os.getpid()}-*")}


def test_a_buffer_is_given_back_only_when_nothing_views_it():
    given_back = []
    pixels = lease(bytearray(2 * 3 * 4), 0, (2, 3, 4), lambda: given_back.append(1))
    part = pixels[..., :3][::-1]
    raw = memoryview(part)
    del pixels
    gc.collect()
    assert not given_back
    del part
    gc.collect()
    assert not given_back
    raw.release()
    del raw
    gc.collect()
    assert given_back == [1]


def test_the_pool_reuses_what_is_free_and_nothing_else():
    pool = BufferPool()
    one = pool.take((4, 4, 4))
    one[:] = 1
    two = pool.take((4, 4, 4))
    two[:] = 2
    assert (one == 1).all()
    where = one.ctypes.data
    del one
    assert pool.take((4, 4, 4)).ctypes.data == where
    assert pool.take((8, 8, 4)).shape == (8, 8, 4)


def test_both_ends_of_a_ring_see_the_same_pixels():
    made = SharedRing.create(8 * 8 * 4)
    found = SharedRing.attach(made.name)
    for slot in range(made.name.slots):
        made.view(slot, (8, 8, 4), lambda: None)[:] = slot + 1
    for slot in range(made.name.slots):
        assert (found.view(slot, (8, 8, 4), lambda: None) == slot + 1).all()
    made.unlink()


def test_a_slot_outside_the_ring_is_refused():
    ring = SharedRing.create(100)
    ring.unlink()
    with pytest.raises(ValueError, match="slot 4"):
        ring.view(4, (5, 5, 4), lambda: None)
    with pytest.raises(ValueError, match="not in the ring"):
        ring.view(0, (6, 5, 4), lambda: None)


@posix_only
def test_no_name_is_left_once_both_have_it_and_the_pixels_stay():
    before = ring_files()
    made = SharedRing.create(64)
    assert ring_files() - before
    found = SharedRing.attach(made.name)
    view = found.view(0, (4, 4, 4), lambda: None)
    found.unlink()
    made.unlink()
    assert ring_files() == before
    made.view(0, (4, 4, 4), lambda: None)[:] = 9
    del made, found
    gc.collect()
    assert (view == 9).all()


@posix_only
def test_a_ring_is_private_to_its_owner():
    ring = SharedRing.create(64)
    assert Path(ring.name.name).stat().st_mode & 0o077 == 0
    ring.unlink()


def test_what_is_not_the_ring_is_not_attached_to(tmp_path):
    ring = SharedRing.create(64)
    name = ring.name
    with pytest.raises(MissingHere):
        SharedRing.attach(RingName(name.name, "00" * 16, name.slots, name.slot_bytes))
    if os.name == "posix":
        with pytest.raises(MissingHere):
            SharedRing.attach(RingName(name.name, name.token, name.slots, 10 * 4096))
        (tmp_path / "x").write_bytes(bytes(5 * 4096))
        for path in (str(tmp_path / "x"), "/etc/passwd", "../x", "", "a\0b"):
            with pytest.raises(MissingHere):
                SharedRing.attach(RingName(path, name.token, name.slots, name.slot_bytes))
    ring.unlink()


@posix_only
def test_a_machine_without_room_says_so(monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    before = ring_files()
    with pytest.raises(MissingHere, match="No space"):
        SharedRing.create(64)
    assert ring_files() == before


@posix_only
def test_the_ring_of_a_killed_process_is_swept():
    code = (
        "import os, signal\nfrom bridge.frames import SharedRing\n"
        "ring = SharedRing.create(64)\nprint(ring.name.name, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    left = Path(done.stdout.strip())
    assert left.exists()
    own = SharedRing.create(64)
    sweep_stale_rings()
    assert not left.exists()
    assert Path(own.name.name).exists()
    own.unlink()


def test_frames_are_plain_arrays_that_can_be_written_to():
    ring = SharedRing.create(64)
    ring.unlink()
    view = ring.view(1, (4, 4, 4), lambda: None)
    assert type(view) is np.ndarray
    assert view.flags.c_contiguous
    view[..., 3] = 0x3F
