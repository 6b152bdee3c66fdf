# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties that a scene saves; all others reach them as ``scene.heat``, and import none."""
