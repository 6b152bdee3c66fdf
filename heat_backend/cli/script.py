# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge of the project's own scripts: a known failure is one line and a status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from bridge.errors import HeatError


def run_script(main: Callable[[], int]) -> NoReturn:
    """Run a script's ``main`` and leave with its status.

    Raises
    ------
    SystemExit
        Always.
    """
    try:
        sys.exit(main())
    except HeatError as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
