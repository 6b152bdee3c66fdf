# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures of rendered frames, tracking and fit: tracked again, compared, or hashed."""
