# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the scene and writing to it: rigs, actions, strips, lamps, heads."""
