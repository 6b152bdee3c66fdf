# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the published checkpoints' layout: every key and shape, next to no bytes.

Each tensor is one number seen as a whole tensor; torch stores the number only.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from heat_backend.styleheat.weights.manifest import load_manifest


def number_of(network: str, key: str) -> float:
    """The number that fills a tensor: another for every key."""
    return zlib.crc32(f"{network}/{key}".encode()) % 8191 / 8191


def network(name: str, prefix: str = "", add: float = 0.0) -> dict[str, Tensor]:
    """The state dict of one network."""
    return {
        prefix + t.key: torch.tensor(
            number_of(name, t.key) + add, dtype=getattr(torch, t.dtype)
        ).expand(t.shape)
        for t in load_manifest().network(name).tensors
    }


def visual(**parts: dict[str, Tensor]) -> dict[str, Any]:
    """What StyleHEAT_visual.pt holds, with what the authors' training leaves beside it."""
    inside = network("video_warper", "video_warper.") | network("calibrator", "calibrator.")
    inside["generator.iteration_loss.kernel"] = torch.zeros(3)
    for part in parts.values():
        inside |= part
    return {"net_G_ema": inside, "net_G": {}, "current_epoch": 3, "opt_G": {"state": {}}}


def contents() -> dict[str, Any]:
    """Every torch file by its place."""
    latent = network("e4e_latent_avg")["latent_avg"]
    return {
        "StyleHEAT_visual.pt": visual(),
        "StyleGAN_e4e.pth": network("stylegan"),
        "Encoder_e4e.pth": {"encoder": network("e4e_encoder"), "latent_avg": latent},
        "hfgi.pth": {"aligner": network("hfgi_aligner"), "encoder": network("hfgi_encoder")},
        "Deep3D/epoch_20.pth": {"net_recon": network("deep3d_recon"), "opt_00": {}},
        "stylegan2_d_256.pth": network("discriminator"),
        "model_ir_se50.pth": network("ir_se50"),
        "vgg19-dcbd9e9d.pth": network("vgg19") | {"classifier.0.bias": torch.zeros(4096)},
        "ffhq_pca.pt": {
            "mean": torch.zeros(1, 512),
            "comp": torch.eye(80, 512)[:, None],
            "std": torch.ones(80),
        },
    }


def write_checkpoints(folder: Path) -> Path:
    """Write a folder laid out like the authors' ``checkpoints/``."""
    for place, content in contents().items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, folder / place)
    np.savez(
        folder / "ffhq_PCA.npz", X_mean=np.zeros(512), X_comp=np.eye(80, 512), X_stdev=np.ones(80)
    )
    directions = folder / "interfacegan_directions"
    directions.mkdir()
    for name in ("age.pt", "pose.pt"):
        torch.save(torch.zeros(1, 18, 512), directions / name)
    write_bfm(folder / "BFM")
    return folder


def write_bfm(folder: Path) -> None:
    """Write the two files of the Basel model that matter, in name and form."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / "similarity_Lm3D_all.mat", {"lm": np.zeros((68, 3))})
    savemat(folder / "BFM_model_front.mat", {"meanshape": np.zeros((1, 9))})


def zipped(files: Path, archive: Path, top: str) -> Path:
    """Zip a folder's files below one folder, as the published archives are."""
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted(files.rglob("*")):
            if path.is_file():
                made.write(path, f"{top}/{path.relative_to(files).as_posix()}")
    return archive
