# SPDX-License-Identifier: GPL-3.0-or-later
"""The published checkpoint files: catalogue, download, verification, loading."""
