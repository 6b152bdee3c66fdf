# SPDX-License-Identifier: GPL-3.0-or-later
"""All that needs no Blender: names, arrays, files. Nothing here imports bpy."""
