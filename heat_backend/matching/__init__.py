# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait made like a sample picture: its expression, its light, its skin's colour."""
