# SPDX-License-Identifier: GPL-3.0-or-later
"""A backend that prepares one portrait after the other grows by none of them."""

import sys

import pytest

from bridge.client import Client, EngineOptions, PortraitSource
from bridge.coefficients import Coefficients
from bridge.launch import BackendProcess
from tests.portraits import photo
from tools.endurance.process_state import process_state

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]

WARMING, ROUNDS = 2, 5  # portraits: the leak of 6 threads and 70 MB each showed at once


def test_threads_memory_and_files_stay_as_after_the_first_portraits(tmp_path):
    command = [sys.executable, "-m", "heat_backend", "serve"]
    backend = BackendProcess.start(command, {}, tmp_path / "backend.log")
    try:
        with Client(backend.address, backend.secret) as client:
            for number in range(WARMING + ROUNDS):
                pixels = photo().pixels.copy()
                pixels[:2, :2] = number  # another picture each time
                client.prepare(PortraitSource(pixels=pixels), options=EngineOptions(size=256))
                client.render(Coefficients.zero())
                if number == WARMING - 1:
                    first = process_state(backend.pid)
            last = process_state(backend.pid)
    finally:
        backend.stop()
    assert last.threads <= first.threads
    assert last.files <= first.files
    assert last.rings <= first.rings
    assert last.memory_mb < first.memory_mb + 100.0
