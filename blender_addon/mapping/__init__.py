# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig map as rows in Blender: editing, presets, rows that do nothing."""
