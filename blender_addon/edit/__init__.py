# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of the face: shape, colours, light and attributes as keyframable properties."""
