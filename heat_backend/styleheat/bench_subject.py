# SPDX-License-Identifier: GPL-3.0-or-later
"""Synthetic networks and a portrait that they drive, to measure time and memory.

A network takes as long and as much memory whatever its weights are, so no download is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from heat_backend.bench.collect import BenchSettings
    from heat_backend.styleheat.networks.forward import Inversion, StyleHeat
    from heat_backend.styleheat.portrait import StyleHeatPortrait

CLIP = 24
MOST_MIB = 4096.0
"""Resident memory that a session may take: the networks in float32 and their buffers."""


def memory_subject(settings: BenchSettings) -> tuple[StyleHeatPortrait, str, float]:
    """Return the portrait whose memory is watched, what to call it, and how much it may take."""
    from heat_backend.styleheat.conformance.run import pick_device

    device = pick_device(settings.device)
    return driven_portrait(device, half=device.type == "cuda"), "styleheat session", MOST_MIB


def subject(device: torch.device) -> tuple[StyleHeat, Inversion, Tensor]:
    """Make networks, an inversion and a clip (24, 73, 27) of noise."""
    import torch

    from heat_backend.styleheat.conformance import synthetic
    from heat_backend.styleheat.conformance.synthetic import SyntheticNetworks
    from heat_backend.styleheat.networks.forward import Inversion, StyleHeat
    from heat_backend.styleheat.weights.manifest import load_manifest

    made = SyntheticNetworks(load_manifest(), 1, device)
    names = ("stylegan", "video_warper", "calibrator")
    networks = StyleHeat(*(made.get(name) for name in names))  # type: ignore[arg-type]

    def noise(name: str, *shape: int) -> Tensor:
        spec = {"kind": "normal", "shape": shape}
        return torch.from_numpy(synthetic.case_input(1, "bench", name, spec)).to(device)

    ix = noise("ix", 1, 3, 256, 256).mul_(0.3)
    inversion = Inversion(ix, noise("w", 1, 18, 512), noise("fx", 1, 512, 64, 64), None)
    return networks, inversion, noise("windows", CLIP, 73, 27)


def driven_portrait(device: torch.device, half: bool) -> StyleHeatPortrait:
    """Make a portrait of 1024 px, from coefficients to pasted frames as a real one."""
    from heat_backend.styleheat.bfm.expression_map import ExpressionMap
    from heat_backend.styleheat.bfm.head_pose import HeadMotion
    from heat_backend.styleheat.crops.ffhq import SIZE
    from heat_backend.styleheat.crops.paste_back import paste_back
    from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
    from heat_backend.styleheat.network_driver import NetworkDriver
    from heat_backend.styleheat.portrait import CoefficientMapper, StyleHeatPortrait

    networks, inversion, windows = subject(device)
    driver = NetworkDriver(
        lambda _, light: PreparedPortrait.from_inversion(networks, inversion, light),
        device.type,
        half,
    )
    random = np.random.default_rng(1)
    blank = np.zeros(52, np.float32)
    matrix = random.normal(0.0, 0.5, (64, 52)).astype(np.float32)
    pivot = np.array([0.0, -0.2, -0.9])
    expressions = ExpressionMap(matrix, blank, blank, pivot.astype(np.float32), 0.9)
    vector = windows[0, :, 0].cpu().numpy().copy()
    vector[67:73] = 0.0, 0.0, 0.4, 0.6, 128.0, 128.0
    points = [[-0.3, 0.3, 0.1], [0.3, 0.3, 0.1], [0, 0, 0.5], [-0.25, -0.4, 0.2], [0.25, -0.4, 0.2]]
    mapper = CoefficientMapper(HeadMotion(vector, np.array(points), pivot, 0.9), expressions)
    photo = np.full((SIZE, SIZE, 3), 127, np.uint8)
    paste = paste_back(photo, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    return StyleHeatPortrait(driver, mapper, paste, ())
