# SPDX-License-Identifier: GPL-3.0-or-later
"""Inference for one portrait: what does not change from frame to frame is computed once."""
