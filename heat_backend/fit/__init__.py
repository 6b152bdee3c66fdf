# SPDX-License-Identifier: GPL-3.0-or-later
"""From landmarks to a 3D face model fitted to the photo and posed."""
