# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of a shot: files, motion clip, record, place in the sequencer."""
