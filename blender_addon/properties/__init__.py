# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties saved with a scene. Other modules read them as ``scene.heat`` and import none."""
