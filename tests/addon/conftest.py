# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh headless Blender for each test that asks for one."""

import pytest


@pytest.fixture
def blender():
    """Give `bpy` with an empty factory scene."""
    bpy = pytest.importorskip("bpy")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy
