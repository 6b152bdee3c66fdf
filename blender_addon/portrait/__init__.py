# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of portraits, their photo and their rig."""
