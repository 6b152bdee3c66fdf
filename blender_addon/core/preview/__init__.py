# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay's rectangle, and frames in the pixel formats of Blender."""
