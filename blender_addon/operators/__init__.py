# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators of the tab, a file a subject."""
