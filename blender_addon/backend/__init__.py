# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend process that this Blender owns, or the remote one that it is attached to."""
