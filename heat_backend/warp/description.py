# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``warp`` engine as it registers itself."""

from __future__ import annotations

from bridge.engine_description import Capabilities
from heat_backend.engines.description import EngineDescription

DESCRIPTION = EngineDescription(
    name="warp",
    create="heat_backend.warp.warp_engine:WarpEngine",
    title="Warp",
    summary="Warp moves the photo itself: it keeps its pixels and size, is quick on any machine "
    "and needs nothing more.",
    capabilities=Capabilities(photo_edits=True, devices=("cpu", "cuda")),
    checks="heat_backend.warp.warm_up:checks",
    warm_up="heat_backend.warp.warm_up:warm_up",
)
