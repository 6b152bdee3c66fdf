# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, records and places of the takes of a shot."""
