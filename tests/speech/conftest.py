# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as a function."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from heat_backend.cli.main import main
from tests.speech.sounds import NetworkOutput


@pytest.fixture
def heat(capfd: pytest.CaptureFixture[str]) -> Callable[..., NetworkOutput]:
    """The command line in this process."""

    def run(*arguments: object) -> NetworkOutput:
        status = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return NetworkOutput(status, captured.out, captured.err)

    return run
