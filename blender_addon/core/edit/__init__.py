# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of a portrait: groups and labels."""
