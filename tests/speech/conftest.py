# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as a function, as for the tests of the commands."""

from __future__ import annotations

from tests.cli.conftest import heat

__all__ = ["heat"]
