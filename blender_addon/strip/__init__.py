# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendering a performance in the background and putting it into the sequencer."""
