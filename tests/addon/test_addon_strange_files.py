# SPDX-License-Identifier: GPL-3.0-or-later
"""A .blend from a stranger starts no program and names no file outside Blender's own folder."""

from pathlib import Path
from types import SimpleNamespace

import pytest


def preferences_with(**changes):
    return SimpleNamespace(**{"backend": "EXISTING", "existing_python": "", **changes})


def test_an_interpreter_beside_the_open_file_is_not_used(blender, tmp_path, monkeypatch):
    from blender_addon.data import preferences

    monkeypatch.delenv("HEAT_BACKEND_PYTHON", raising=False)
    (tmp_path / "python").write_text("#!/bin/sh\n")
    blender.ops.wm.save_as_mainfile(filepath=str(tmp_path / "stranger.blend"))
    assert preferences.named_python(preferences_with(existing_python="//python")) == ""
    assert preferences.weights_folder(preferences_with(weights_folder="//weights")) == ""
    given = str(tmp_path / "python")
    assert preferences.named_python(preferences_with(existing_python=given)) == given


def test_an_identifier_leads_out_of_no_folder(blender, portrait):
    from blender_addon.jobs import face_job

    for uid in ("/../../../evil", "..\\..\\evil", "a" * 500, "C:"):
        portrait.uid = uid
        path = face_job.temporary_file(portrait, ".npz")
        assert path.parent == Path(blender.app.tempdir)
        assert len(path.name) < 60
        assert not set(path.name) & set("/\\:")


def test_a_saved_rig_map_is_not_replaced_unasked(blender, portrait, tmp_path):
    from blender_addon.data import rig_maps

    path = tmp_path / "My rig.json"
    row = portrait.key_rows.add()
    row.shape_key = "first"
    blender.ops.heat.map_save_preset(filepath=str(path))
    row.shape_key = "second"
    with pytest.raises(RuntimeError, match="Replace"):
        blender.ops.heat.map_save_preset(filepath=str(path))
    assert rig_maps.load_preset(path).keys[-1].shape_key == "first"
    blender.ops.heat.map_save_preset(filepath=str(path), replace=True)
    assert rig_maps.load_preset(path).keys[-1].shape_key == "second"
