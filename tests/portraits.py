# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos and prepared portraits that several tests share: each is prepared once a session.

Frames depend on the coefficients only, so that a portrait may serve many tests. One that a test
changes (its notes, its cache of edits) is prepared by that test itself.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

KIT = Path(__file__).resolve().parents[2] / "shared" / "data" / "portraits"
ASTRONAUT = "astronaut"


@lru_cache(maxsize=16)
def photo(name: str = ASTRONAUT) -> Any:
    """The astronaut, or a portrait of the kit by its file's name; skips where the kit is absent."""
    from heat_backend.media.photo import Photo, load_photo

    if name == ASTRONAUT:
        data = pytest.importorskip(
            "skimage.data", reason="scikit-image brings the astronaut portrait"
        )
        return Photo(data.astronaut(), "astronaut.png")
    if not (KIT / name).is_file():
        pytest.skip(f"needs ../shared/data/portraits/{name}")
    return load_photo(KIT / name)


@lru_cache(maxsize=16)
def warp_portrait(
    name: str = ASTRONAUT, *, size: int | None = None, neutralise: bool = False
) -> Any:
    """The photo of that name, prepared by the engine ``warp`` on the CPU."""
    from heat_backend.engines.protocol import EngineSettings
    from heat_backend.engines.registry import make_engine

    settings = EngineSettings(size=size, neutralise=neutralise, device="cpu")
    return make_engine("warp").prepare(photo(name), settings, lambda *_: None, lambda: False)


def prepare(pixels: np.ndarray, **settings: Any) -> Any:
    """A portrait of these pixels by the engine ``warp``, prepared anew."""
    from heat_backend.engines.protocol import EngineSettings
    from heat_backend.engines.registry import make_engine
    from heat_backend.media.photo import Photo

    given = Photo(pixels, "test photo")
    return make_engine("warp").prepare(
        given, EngineSettings(**settings), lambda *_: None, lambda: False
    )
