# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that wear the backend out: message storms, broken files, kills, many portraits."""
