# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat's backend: detects the face, prepares the portrait, renders frames and serves them."""

import os
from pathlib import Path

# The matrices here are small: BLAS threads cost more than they bring, and beside a busy Blender
# they spin for cores. It is read when numpy is first imported, so it stands here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The same for the threads of the pixel loops: idle ones must sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Compiled loops are kept beside the code, where that may be written. Read when numba is imported.
if "NUMBA_CACHE_DIR" not in os.environ and not os.access(Path(__file__).parent, os.W_OK):
    from heat_backend.storage.compiled_code import writable_folder

    os.environ["NUMBA_CACHE_DIR"] = str(writable_folder())

__version__ = "0.1.0"
