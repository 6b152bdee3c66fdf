# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``warp`` engine: the photo's own pixels, moved by a 3D face model."""
