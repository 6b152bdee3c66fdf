# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring control and likeness by tracking rendered frames again."""
