# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's Basel Face Model: read it, and find our expressions in its basis."""
