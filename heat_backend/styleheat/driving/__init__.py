# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion to frames: the 73-vector and its windows, and inference folded for one portrait."""
