# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a backend whose only engine is the stand-in, as ``heat serve`` would run a real one."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent)]

import stand_in_engine  # noqa: E402

from bridge.errors import HeatError  # noqa: E402
from heat_backend.serve import serve  # noqa: E402

if __name__ == "__main__":
    stand_in_engine.register()
    try:
        sys.exit(serve(engine_name="stand_in", port=int(sys.argv[1]) if sys.argv[1:] else 0))
    except HeatError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
