# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes that a rendered frame may have. Registering the add-on reads them: nothing is imported."""

SMALLEST_FRAME, LARGEST_FRAME = 16, 8192
"""Long side of rendered frames in pixels; a portrait of the largest takes some 3.5 GB of memory."""
