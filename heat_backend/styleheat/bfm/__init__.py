# SPDX-License-Identifier: GPL-3.0-or-later
"""The Basel Face Model: reading it, and mapping our expressions and poses to its coefficients."""
