# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on comes and goes cleanly, and says what is missing instead of failing."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPERATORS = [
    "portrait_add",
    "portrait_remove",
    "add_sample_rig",
    "auto_map",
    "map_row_add",
    "map_row_remove",
    "map_row_repair",
    "map_save_preset",
    "map_load_preset",
    "preview_start",
    "preview_stop",
    "render",
    "render_cancel",
    "render_resume",
    "fix_view_transform",
    "match_resolution",
    "open_sequencer",
    "setup_backend",
    "setup_cancel",
    "open_log",
    "backend_restart",
    "open_preferences",
    "match_picture",
    "send_fit",
    "face_cancel",
]


def test_registers_twice_and_leaves_nothing(addon, blender):
    addon.unregister()
    handlers = [
        len(getattr(blender.app.handlers, n)) for n in ("depsgraph_update_post", "load_pre")
    ]
    assert not hasattr(blender.types.Scene, "heat")
    assert not hasattr(blender.types, "HEAT_PT_portraits")
    addon.register()
    addon.register()
    assert hasattr(blender.types.Scene, "heat")
    addon.unregister()
    addon.unregister()
    assert not hasattr(blender.types, "HEAT_PT_portraits")
    after = [len(getattr(blender.app.handlers, n)) for n in ("depsgraph_update_post", "load_pre")]
    assert after == handlers
    addon.register()


def test_every_operator_is_there_with_a_tooltip(addon, blender):
    for name in OPERATORS:
        kind = getattr(blender.ops.heat, name).get_rna_type()
        assert kind.description and not kind.description.endswith("."), name


def test_a_part_that_fails_is_named_and_the_rest_works(addon, blender, monkeypatch):
    from blender_addon import registration

    names = (*registration.MODULE_NAMES[:3], "nothing.of_the_kind", *registration.MODULE_NAMES[3:])
    monkeypatch.setattr(registration, "MODULE_NAMES", names)
    addon.register()
    assert any("nothing.of_the_kind" in text for text in registration.problems())
    assert hasattr(blender.types, "HEAT_PT_render")
    monkeypatch.undo()
    addon.register()
    assert registration.problems() == ()


def test_registration_waits_for_neither_numpy_nor_the_bridges_sockets():
    code = (
        "import sys, bpy\n"
        "had = 'numpy' in sys.modules\n"
        "import blender_addon\n"
        "blender_addon.register()\n"
        # Names of edits, their groups, and of checks: modules of the standard library only.
        "loaded = {m for m in sys.modules if m.split('.')[0] == 'bridge'}\n"
        "light = {'bridge', 'bridge.checks', 'bridge.edit_preset', 'bridge.edits'}\n"
        "light |= {'bridge.errors', 'bridge.frame_size'}\n"
        "assert loaded <= light, loaded\n"
        "assert had or 'numpy' not in sys.modules, 'numpy was imported'\n"
        "blender_addon.unregister()\n"
        "import os; os._exit(0)\n"  # 4.2's module crashes at its end, see conftest.py
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
