# SPDX-License-Identifier: GPL-3.0-or-later
"""Per-portrait layers: matte, background, foreground, meshes, eyes, mouth."""
