# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m heat_backend`` is the same as the console script ``heat``."""

import sys

from heat_backend.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
