# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``make demo`` runs: a photo performs five seconds, from the zip to the movie."""
