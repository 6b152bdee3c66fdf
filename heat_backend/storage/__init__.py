# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the backend keeps files of its own, and locks that end with their process."""
