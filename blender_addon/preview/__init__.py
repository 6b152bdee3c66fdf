# SPDX-License-Identifier: GPL-3.0-or-later
"""The live preview: in the viewport as an overlay, or as an image datablock."""
