# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat's backend: detects the face, prepares the portrait, renders frames and serves them."""

__version__ = "0.1.0"
