# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole weights folder of made-up numbers in the published layout: what it draws means nothing.

The numbers follow the manifest's fill rules, so that the networks stay in range; large tensors
repeat a block of them, and files hold halves, because only the layout and the path matter here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.io import savemat
from torch import Tensor

from bridge import face_model
from heat_backend.styleheat.crops.deep3d import landmarks_68
from heat_backend.styleheat.inversion.loaded import SYNTHETIC_MARK
from heat_backend.styleheat.weights.manifest import TensorLayout, load_manifest

BLOCK = torch.randn(1 << 20, generator=torch.Generator().manual_seed(11))


def made_up(layout: TensorLayout, start: int) -> Tensor:
    kind, *rule = layout.fill
    if kind == "const":
        values = torch.as_tensor(np.asarray(rule[0])).expand(layout.shape)
        return values.to(getattr(torch, layout.dtype)).clone()
    count = int(np.prod(layout.shape, dtype=int))
    block = BLOCK.roll(start)
    values = block.repeat(-(-count // len(block)))[:count].reshape(layout.shape)
    scale, offset = rule
    return (offset + scale * (values.abs() if kind == "absnormal" else values)).half()


def network(name: str, prefix: str = "") -> dict[str, Tensor]:
    tensors = load_manifest().network(name).tensors
    return {prefix + t.key: made_up(t, 7919 * i) for i, t in enumerate(tensors)}


def write(folder: Path) -> Path:
    """Write the files that the engine cannot do without, the Basel model apart."""
    (folder / "Deep3D").mkdir(parents=True, exist_ok=True)
    (folder / SYNTHETIC_MARK).write_text("These weights are made up, for a test.\n")
    visual = network("video_warper", "video_warper.") | network("calibrator", "calibrator.")
    average = network("e4e_latent_avg")["latent_avg"]
    for place, content in {
        "StyleHEAT_visual.pt": {"net_G_ema": visual},
        "StyleGAN_e4e.pth": network("stylegan"),
        "Encoder_e4e.pth": {"encoder": network("e4e_encoder"), "latent_avg": average},
        "hfgi.pth": {"aligner": network("hfgi_aligner"), "encoder": network("hfgi_encoder")},
        "Deep3D/epoch_20.pth": {"net_recon": network("deep3d_recon")},
    }.items():
        torch.save(content, folder / place)
    return folder


def write_standard_head(folder: Path) -> None:
    """Our own model's landmarks in place of the published standard head's."""
    model = face_model.load()
    marks = landmarks_68(face_model.landmarks(model, model.vertices)) * 0.892
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "similarity_Lm3D_all.mat", {"lm": marks - (0.0, 0.3, 0.9)})
