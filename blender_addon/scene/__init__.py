# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the scene and writes to it: rigs, actions, sequencer strips, lamps, heads."""
