# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering a motion clip to a PNG sequence or a movie that can be resumed."""
