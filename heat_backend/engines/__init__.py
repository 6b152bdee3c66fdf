# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine is, which ones there are, and where they compute."""
