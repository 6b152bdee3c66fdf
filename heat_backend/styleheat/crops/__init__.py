# SPDX-License-Identifier: GPL-3.0-or-later
"""The crops that the networks want, and the way back into the photo."""
