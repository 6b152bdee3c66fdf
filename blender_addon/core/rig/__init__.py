# SPDX-License-Identifier: GPL-3.0-or-later
"""From one rig's shape keys and head bone to coefficients and back: maps, presets, matching."""
