# SPDX-License-Identifier: GPL-3.0-or-later
"""Speech becomes the motion of a mouth: ``heat_backend.speech.speak.speak``."""
