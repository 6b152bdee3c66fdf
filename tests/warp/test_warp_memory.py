# SPDX-License-Identifier: GPL-3.0-or-later
"""A session does not grow while it is kept alive."""

import mmap

import numpy as np
import pytest

from heat_backend.bench.memory_section import resident_mib, watch
from heat_backend.engines.protocol import BasePortrait, EngineSettings
from heat_backend.engines.registry import make_engine
from heat_backend.media.photo import Photo

pytestmark = pytest.mark.slow

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")


@pytest.mark.skipif(resident_mib() is None, reason="this system does not tell resident memory")
def test_three_hundred_frames_leave_no_memory_behind() -> None:
    photo = Photo(np.ascontiguousarray(data.astronaut()), "astronaut")
    portrait = make_engine("warp").prepare(
        photo, EngineSettings(size=512), lambda *_: None, lambda: False
    )
    _, growth = watch(portrait, 300)
    assert growth <= 2.0


def test_a_leak_would_be_seen() -> None:
    if resident_mib() is None:
        pytest.skip("this system does not tell resident memory")

    class Leaking(BasePortrait):
        width = height = 64
        kept: list[mmap.mmap] = []  # noqa: RUF012

        def render(self, coefficients, out=None):
            # Pages of its own: memory that earlier tests gave back would hide the growth.
            pages = mmap.mmap(-1, 1 << 20)
            pages.write(b"x" * (1 << 20))
            self.kept.append(pages)
            return out

    _, growth = watch(Leaking(), 300)
    assert growth > 2.0
