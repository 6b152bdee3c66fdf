# SPDX-License-Identifier: GPL-3.0-or-later
"""How one rig's shape keys and bones become coefficients: maps, presets, matching."""
