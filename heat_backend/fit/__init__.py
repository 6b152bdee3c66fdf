# SPDX-License-Identifier: GPL-3.0-or-later
"""From landmarks to a posed 3D face and the mesh that moves the photo."""
