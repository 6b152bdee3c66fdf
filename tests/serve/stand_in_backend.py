# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a backend whose default engine is the stand-in, as ``heat serve`` runs a real one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.errors import HeatError
from heat_backend.serve.run import serve
from tests import stand_in_engine

if __name__ == "__main__":
    stand_in_engine.register()
    try:
        sys.exit(serve(engine_name="stand_in", port=int(sys.argv[1]) if sys.argv[1:] else 0))
    except HeatError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
