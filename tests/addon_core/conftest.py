# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of ``blender_addon/core`` that need no Blender; they run once, in the main environment.

What stands in a scene, or may differ between Blender versions, is tested in ``tests/addon``.
"""
