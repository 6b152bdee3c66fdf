# SPDX-License-Identifier: GPL-3.0-or-later
"""What this engine adds to the command line: commands, checks, and the list of attributes."""
