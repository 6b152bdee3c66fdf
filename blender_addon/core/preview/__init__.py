# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the overlay stands, and frames in the forms that Blender takes."""
