# SPDX-License-Identifier: GPL-3.0-or-later
"""Video-driven motion: video -> landmarks -> person -> coefficients -> motion clip."""
