# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends for tests: one within this process, processes of their own, and an engine that waits."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from bridge import motion_clip
from bridge.client import Client, PortraitSource
from bridge.coefficients import EXPRESSION_INDEX, Coefficients
from bridge.launch import BackendProcess
from bridge.motion_clip import MotionClip
from heat_backend.engines import registry
from heat_backend.engines.description import EngineDescription
from heat_backend.engines.protocol import BasePortrait
from heat_backend.serve.server import Server
from tests import stand_in_engine

SECRET = "a secret for the tests"
JAW = EXPRESSION_INDEX["jawOpen"]
BACKEND = Path(__file__).with_name("stand_in_backend.py")


@pytest.fixture(autouse=True)
def jobs_of_their_own(tmp_path, monkeypatch):
    """Keep exports that are to be fetched out of the user's cache."""
    monkeypatch.setenv("HEAT_JOBS_DIR", str(tmp_path / "jobs"))


@pytest.fixture
def server():
    """A running server with the stand-in engine."""
    stand_in_engine.register()
    running = Server(SECRET, engine="stand_in")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def connect(server):
    """Make clients of the server; they are closed at the end."""
    made = []

    def make(**options):
        client = Client(server.address, SECRET, **options).connect()
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def backends(tmp_path):
    """Start backends in processes of their own; they are stopped at the end."""
    started = []

    def start(port=0, **env):
        command = [sys.executable, str(BACKEND), str(port)]
        backend = BackendProcess.start(command, env, tmp_path / f"backend{len(started)}.log")
        started.append(backend)
        return backend

    yield start
    for backend in started:
        backend.stop()


class GatedPortrait(BasePortrait):
    """Renders jawOpen as a grey level, each frame only when the gate lets one through."""

    width, height, notes = 16, 16, ()

    def __init__(self, gate):
        self._gate = gate

    def render(self, coefficients, out=None):
        self._gate.entered.append(round(float(coefficients.expression[JAW]), 4))
        self._gate.begun.release()
        assert self._gate.passes.acquire(timeout=20)
        if "boom" in coefficients.edits:
            raise RuntimeError("boom")
        out = np.empty((16, 16, 4), np.uint8) if out is None else out
        out[:] = round(100 * float(coefficients.expression[JAW]))
        out[..., 3] = 255
        return out


class Gate:
    """An engine whose renders wait for ``let``; ``entered`` lists what was begun."""

    name, version = "gated", "1"

    def __init__(self):
        self.passes = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.entered = []
        self.prepare_gate = None

    def prepare(self, photo, settings, progress, cancelled):
        progress("waiting at the gate", 0.5)
        while self.prepare_gate is not None and not self.prepare_gate.wait(0.01):
            if cancelled():
                from bridge.errors import Cancelled

                raise Cancelled("stopped")
        return GatedPortrait(self)

    def let(self, count=1):
        self.passes.release(count)

    def wait_begun(self):
        assert self.begun.acquire(timeout=20)


@pytest.fixture
def gate(server):
    """The gated engine, offered by the server; opened wide at the end."""
    made = Gate()
    registry.register(EngineDescription("gated", lambda: made))
    yield made
    made.let(10_000)


def picture(width=48, height=32, seed=0):
    """Random opaque RGBA pixels."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


def portrait(**options):
    return PortraitSource(pixels=picture(**options), name="a portrait")


def jaw(value):
    return Coefficients.of({"jawOpen": value})


def jaw_clip(frames, fps=24.0):
    """A clip in which each frame has a jawOpen of its own."""
    expression = np.zeros((frames, 52), np.float32)
    expression[:, JAW] = 0.01 * np.arange(frames)
    still = np.zeros((frames, 3), np.float32)
    return MotionClip(fps, expression, still, still)


@pytest.fixture
def clip_file(tmp_path):
    """Write a clip of so many frames."""

    def write(frames):
        path = tmp_path / f"clip {frames}.npz"
        motion_clip.save(jaw_clip(frames), path)
        return path

    return write


def until(condition, seconds=20.0):
    """Wait until ``condition()`` is true, and return it; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    pytest.fail("what was waited for did not happen")
