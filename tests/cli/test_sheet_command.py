# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat sheet``: one page of every control, or one plain line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Answer

pytestmark = pytest.mark.slow

Heat = Callable[..., Answer]


def astronaut(folder: Path) -> Path:
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

    path = folder / "photo.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def test_the_page_shows_the_photo_and_every_control(heat: Heat, tmp_path: Path) -> None:
    out = tmp_path / "page.png"
    answer = heat("sheet", "--portrait", astronaut(tmp_path), "--out", out, "--size", 256)
    assert answer.status == 0, answer.err
    page = np.asarray(Image.open(out))
    assert page.shape[1] > 1500
    assert page.shape[0] > page.shape[1]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_another_ending_is_refused(heat: Heat, tmp_path: Path) -> None:
    answer = heat("sheet", "--portrait", astronaut(tmp_path), "--out", tmp_path / "page.jpg")
    assert answer.status == 2
    assert "end" in answer.err and ".png" in answer.err
