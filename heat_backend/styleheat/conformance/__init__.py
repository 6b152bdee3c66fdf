# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded cases: inputs and weights from seeds, outputs as numbers, and the judgement of ours."""
