# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat's backend: detects the face, prepares the portrait, renders frames and serves them."""

import os

# The matrices here are small: BLAS threads cost more than they bring, and beside a busy Blender
# they spin for cores. It is read when numpy is first imported, so it stands here.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The same for the threads of the pixel loops: idle ones must sleep, not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
