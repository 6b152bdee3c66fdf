# SPDX-License-Identifier: GPL-3.0-or-later
"""Work that goes on while Blender stays usable."""
