# SPDX-License-Identifier: GPL-3.0-or-later
"""From a motion clip to the f-curves of one rig."""
