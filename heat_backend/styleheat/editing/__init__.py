# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of an inverted portrait: latent directions, identity preservation, edits of the photo."""
