# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start loads before its first output: help the standard library, a server numpy as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import os, sys
before = set(sys.modules)  # what this Python loads by itself
class FirstOutput:
    def write(self, text):
        ours = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(*sorted(ours - sys.stdlib_module_names), file=sys.stderr, flush=True)
        os._exit(0)
    def flush(self):
        pass
    def isatty(self):
        return False
sys.stdout = FirstOutput()
from heat_backend.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], set()),
        (["doctor", "--help"], set()),
        (["serve"], {"numpy", "filelock", "platformdirs"}),
    ],
)
def test_a_start_loads_little(arguments: list[str], allowed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HEAT_SECRET": "a secret for the tests"},
        stdin=subprocess.DEVNULL,
        check=True,
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert {"bridge", "heat_backend"} <= loaded <= {"bridge", "heat_backend"} | allowed
