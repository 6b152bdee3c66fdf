# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras, rasterisation, masks and landmarks: pure functions over arrays, no state."""
