# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's frames by stage, beside the published forward; on synthetic weights.

A network takes as long whatever its weights are, so no download is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from heat_backend.bench.collect import BenchSettings
from heat_backend.bench.rows import Row

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from heat_backend.styleheat.forward import StyleHeat
    from heat_backend.styleheat.hfgi import Inversion

RATIO = 0.40
CLIP = 24
NOTE = "synthetic weights; the published forward is timed in turns with ours"


def rows(settings: BenchSettings, report: Callable[[str], None]) -> list[Row]:
    """Measure when the engine is ``styleheat``; nothing otherwise."""
    if settings.engine != "styleheat":
        return []
    from heat_backend.styleheat.conformance.run import pick_device
    from heat_backend.styleheat.fast.stages import measure

    device = pick_device(settings.device)
    report("styleheat: making synthetic weights")
    networks, inversion, windows = _subject(device)
    found: list[Row] = []
    for half in (False, True):
        kind = "half precision" if half else "float32"
        report(f"styleheat: timing frames in {kind} on {device}")
        times = measure(networks, inversion, windows, half)
        found.append(Row(f"styleheat {kind}: prepare a portrait", times.prepare, "s"))
        for name, seconds in {"mapping": times.mapping, **times.stages}.items():
            found.append(Row(f"styleheat {kind}: {name}", seconds * 1000, "ms"))
        found.append(Row(f"styleheat {kind}: frame to the host", times.picture * 1000, "ms"))
        if times.streamed is not None:
            told = "; ".join(times.notes)
            what = f"styleheat {kind}: frame of a clip, streamed"
            found.append(Row(what, times.streamed * 1000, "ms", note=told))
        found.append(Row(f"published forward beside {kind}", times.published * 1000, "ms"))
        target = None if half else RATIO
        what = f"styleheat {kind}: frame / published"
        found.append(Row(what, times.ratio, "x", target, note=NOTE))
    return found


def _subject(device: torch.device) -> tuple[StyleHeat, Inversion, Tensor]:
    """Make networks, an inversion and a clip of noise."""
    import torch

    from heat_backend.styleheat import synthetic
    from heat_backend.styleheat.conformance.case_run import SyntheticNetworks
    from heat_backend.styleheat.forward import StyleHeat
    from heat_backend.styleheat.hfgi import Inversion
    from heat_backend.styleheat.manifest import load_manifest

    made = SyntheticNetworks(load_manifest(), 1, device)
    names = ("stylegan", "video_warper", "calibrator")
    networks = StyleHeat(*(made.get(name) for name in names))  # type: ignore[arg-type]

    def noise(name: str, *shape: int) -> Tensor:
        spec = {"kind": "normal", "shape": shape}
        return torch.from_numpy(synthetic.case_input(1, "bench", name, spec)).to(device)

    ix = noise("ix", 1, 3, 256, 256).mul_(0.3)
    inversion = Inversion(ix, noise("w", 1, 18, 512), noise("fx", 1, 512, 64, 64), None)
    return networks, inversion, noise("windows", CLIP, 73, 27)
