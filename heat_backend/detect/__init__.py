# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmark detectors, one a file, chosen by name."""
