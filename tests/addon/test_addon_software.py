# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender drawn by the processor: told in the panel, set right by one operator."""

import pytest

pytest.importorskip("bpy")

from blender_addon.preview import software_drawing


@pytest.mark.parametrize(
    ("renderer", "software"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("SwiftShader Device (Subzero)", True),
        ("GDI Generic", True),
        ("NVIDIA GeForce RTX 4070/PCIe/SSE2", False),
        ("Apple M2", False),
        ("Mesa Intel(R) UHD Graphics 620 (KBL GT2)", False),
    ],
)
def test_drivers_are_told_apart_by_their_names(renderer, software):
    assert software_drawing.is_software(renderer) is software


def test_complains_until_anti_aliasing_is_off(addon, blender, monkeypatch):
    monkeypatch.setattr(software_drawing, "renderer", lambda: "llvmpipe")
    system = blender.context.preferences.system
    monkeypatch.setattr(system, "viewport_aa", "8")
    assert "anti-aliasing" in software_drawing.complaint(blender.context)
    blender.ops.heat.fix_anti_aliasing()
    assert system.viewport_aa == "OFF"
    assert software_drawing.complaint(blender.context) is None


def test_says_nothing_with_a_graphics_card(addon, blender, monkeypatch):
    monkeypatch.setattr(software_drawing, "renderer", lambda: "NVIDIA GeForce RTX 4070")
    assert software_drawing.complaint(blender.context) is None
