# SPDX-License-Identifier: GPL-3.0-or-later
"""After the warm-up a first portrait finds all compiled, and what was compiled is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import Cancelled
from heat_backend.storage import compiled_code
from heat_backend.warp.warm_up import checks, warm_up
from tests.portraits import KIT

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = KIT / "p02_synth_man.jpg"
SCRIPT = """
import sys
import heat_backend
from numba.core import event
compiled = event.RecordingListener()
event.register("numba:compile", compiled)
from heat_backend.warp.warm_up import warm_up
warm_up()
print(len(compiled.buffer))
from pathlib import Path
from bridge.coefficients import Coefficients
from heat_backend.engines.protocol import EngineSettings
from heat_backend.media.photo import load_photo
from heat_backend.warp.warp_engine import WarpEngine
portrait = WarpEngine().prepare(
    load_photo(Path(sys.argv[1])), EngineSettings(size=256), lambda *_: None, lambda: False
)
portrait.render(Coefficients.of({"jawOpen": 0.6, "eyeBlinkLeft": 0.5}, rotation=(0.2, -0.4, 0.0)))
print(len(compiled.buffer))
"""


@pytest.mark.slow
@pytest.mark.skipif(not PORTRAIT.is_file(), reason="needs the developers' data kit")
def test_nothing_is_left_to_compile(tmp_path: Path) -> None:
    def counts() -> list[int]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(PORTRAIT)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            check=True,
        )
        return [int(line) for line in done.stdout.split()]

    warmed, prepared = counts()
    assert 0 < warmed == prepared
    assert counts() == [0, 0]


def test_it_stops_for_a_portrait() -> None:
    asked = iter([False, True])
    with pytest.raises(Cancelled):
        warm_up(lambda: next(asked))


@pytest.mark.slow
def test_the_doctor_draws_a_frame() -> None:
    (check,) = checks()
    assert (check.name, check.state) == ("renderer", "ok")


def test_compiled_code_goes_to_the_users_cache_or_else_to_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_code.user_folders, "cache_folder", lambda: tmp_path / "cache")
    assert compiled_code.writable_folder() == tmp_path / "cache" / "compiled"
    np.save(tmp_path / "file.npy", np.zeros(1))  # no folder can be made in a file
    blocked = tmp_path / "file.npy"
    monkeypatch.setattr(compiled_code.user_folders, "cache_folder", lambda: blocked)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = compiled_code.writable_folder()
    assert folder.is_dir()
    assert folder.stat().st_mode & 0o077 == 0
