# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat forget`` shows what is kept of photos, and removes it."""

import json
import os
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from heat_backend.cli.main import main
from heat_backend.media.photo import load_photo
from heat_backend.serve.job_store import job_folder, note_portrait
from heat_backend.storage import user_folders


@pytest.fixture
def photos(tmp_path):
    made = []
    for shade in (40, 90):
        path = tmp_path / f"photo{shade}.png"
        Image.fromarray(np.full((20, 30, 3), shade, np.uint8)).save(path)
        made.append(path)
    return made


@pytest.fixture
def kept(tmp_path, photos, monkeypatch):
    """An unfetched export and an inversion of each photo."""
    monkeypatch.setattr(user_folders, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("HEAT_JOBS_DIR", raising=False)
    paths = {}
    for photo in photos:
        digest = load_photo(photo).digest
        job = job_folder(photo, photo, "take")
        (job / "frame_000001.png").write_bytes(bytes(1000))
        note_portrait(job, digest)
        inversion = tmp_path / "cache" / "weights" / f"inversion-{digest}.safetensors"
        inversion.parent.mkdir(exist_ok=True)
        header = json.dumps({"__metadata__": {"portrait": digest}}).encode()
        inversion.write_bytes(struct.pack("<Q", len(header)) + header)
        paths[photo] = (job, inversion)
    return paths


def test_what_is_kept_is_shown_with_its_size_and_stays(kept, capsys):
    assert main(["forget"]) == 0
    said = capsys.readouterr().out
    for job, inversion in kept.values():
        assert str(job) in said and str(inversion) in said
        assert job.exists() and inversion.exists()
    assert "0.0 MB" in said
    assert "heat forget --all" in said


def test_one_portraits_traces_go_and_anothers_stay(kept, photos, capsys):
    assert main(["forget", "--portrait", str(photos[0])]) == 0
    assert capsys.readouterr().out.count("removed") == 2
    assert not any(path.exists() for path in kept[photos[0]])
    assert all(path.exists() for path in kept[photos[1]])
    assert main(["forget", "--portrait", str(photos[0])]) == 0
    assert "nothing is kept of this photo" in capsys.readouterr().out


def test_everything_goes(kept, capsys):
    assert main(["forget", "--all"]) == 0
    assert not any(path.exists() for paths in kept.values() for path in paths)
    assert main(["forget"]) == 0
    assert "nothing is kept of any photo" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_nobody_else_may_look(kept):
    before = os.umask(0o000)
    try:
        for job, _ in kept.values():
            assert job.stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)
