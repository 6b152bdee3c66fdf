# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the add-on that could not register: written by `registration`, drawn by the panel."""

sentences: list[str] = []
