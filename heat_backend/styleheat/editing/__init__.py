# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of an inverted portrait: attributes, identity, and the photo itself."""
