# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes what scene and preferences store."""
