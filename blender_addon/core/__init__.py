# SPDX-License-Identifier: GPL-3.0-or-later
"""What needs no Blender: rules over names, arrays and files. Nothing here imports bpy."""
