# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of a portrait by name: its shape, its skin's and hair's colours, its light."""
