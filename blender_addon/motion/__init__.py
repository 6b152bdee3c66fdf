# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from a film or a voice, baked as keyframes onto the animator's own rig."""
