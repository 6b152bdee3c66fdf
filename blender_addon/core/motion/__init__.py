# SPDX-License-Identifier: GPL-3.0-or-later
"""From a motion clip to the curves of one rig."""
