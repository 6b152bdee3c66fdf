# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: the backend's benchmark, then the add-on's in headless Blender and in a window.

The add-on and the backend never meet in one process here either: what is measured inside
Blender comes back as a file of plain numbers.
"""
