# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded cases: inputs and weights from seeds, recorded outputs, and comparison within limits."""
