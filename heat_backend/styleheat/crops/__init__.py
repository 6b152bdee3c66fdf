# SPDX-License-Identifier: GPL-3.0-or-later
"""The two aligned crops of a face (FFHQ and Deep3D), and compositing a crop back into the photo."""
