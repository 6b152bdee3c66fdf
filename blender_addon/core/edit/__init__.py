# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and presets of edits, and the file of a fitted face."""
