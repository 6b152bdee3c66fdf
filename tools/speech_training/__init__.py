# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the network of ``heat speak`` on speech that it synthesises itself, and measures it."""
