# SPDX-License-Identifier: GPL-3.0-or-later
"""What scene and preferences remember, and how it is looked up."""
