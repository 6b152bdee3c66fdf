# SPDX-License-Identifier: GPL-3.0-or-later
"""From coefficients to the windows of motion that the networks read, and to frames."""
