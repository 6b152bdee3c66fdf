# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat serve`` from outside: its first line, its secret, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from bridge.client import Client
from bridge.handshake import new_secret
from tests.cli.conftest import start_heat


def stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_the_first_line_says_where_and_a_client_can_connect() -> None:
    secret = new_secret()
    process = start_heat("serve", "--engine", "stand_in", HEAT_SECRET=secret)
    try:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert set(line) == {"host", "port", "pid", "protocol"}
        assert line["host"] == "127.0.0.1"
        assert line["pid"] == process.pid
        with Client((line["host"], line["port"]), secret, timeout=20.0) as client:
            client.connect()
            assert client.server["engine"] == "stand_in"
        if sys.platform != "win32":
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    finally:
        stop(process)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--engine", "magic"], 2, "choose one of"),
        (["--host", "no such host"], 4, "use 127.0.0.1"),
        (["--host", "nonsense.invalid"], 4, "use 127.0.0.1"),
    ],
)
def test_what_cannot_be_served(arguments: list[str], status: int, words: str) -> None:
    process = start_heat("serve", *arguments, HEAT_SECRET=new_secret())
    try:
        out, err = process.communicate(timeout=60)
    finally:
        stop(process)
    assert process.returncode == status
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert words in err
    assert "Errno" not in err
