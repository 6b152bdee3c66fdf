# SPDX-License-Identifier: GPL-3.0-or-later
"""The published checkpoint files: what they are, where they lie, how they get here."""
