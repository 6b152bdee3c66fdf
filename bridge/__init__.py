# SPDX-License-Identifier: GPL-3.0-or-later
"""The contract between Blender and the backend; standard library and numpy only."""

from . import coefficients, errors, motion_clip, pose

__all__ = ["coefficients", "errors", "motion_clip", "pose"]
