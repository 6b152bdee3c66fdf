# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading portrait photos of any common kind into upright sRGB pixels."""

from heat_backend.photo.load import from_rgba, load_photo

__all__ = ["from_rgba", "load_photo"]
