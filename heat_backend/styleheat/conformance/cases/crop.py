# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the two crops: FFHQ's for the generator, Deep3D's for the reconstruction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.crops import deep3d, ffhq
from heat_backend.styleheat.driving import paper_motion


def _flat(corners: NDArray) -> NDArray:
    """Corners as the recorded cases hold them: pixel edges are whole numbers there."""
    return (corners + 0.5).ravel()


def ffhq_aligned(run: CaseRun) -> Outputs:
    """Aligned pictures of two sizes, and of a picture that is reduced first."""
    outputs = {}
    kinds = (
        ("256", "image", "landmarks_512", 256),
        ("1024", "image", "landmarks_512", 1024),
        ("big", "big", "landmarks_1600", 256),
    )
    for label, picture_name, landmark_name, size in kinds:
        picture = Image.fromarray(run.arrays[picture_name])
        quad = ffhq.find_quad(run.arrays[landmark_name], picture.size, size)
        outputs[f"quad_{label}"] = _flat(quad.corners)
        outputs[f"crop_{label}"] = np.array(quad.crop)
        outputs[f"image_{label}"] = np.asarray(ffhq.draw(picture, quad, size))
    return outputs


def video_crop_reference_quirk(run: CaseRun) -> Outputs:
    """Work out the published video cropper's quad, as it is applied and as it is meant."""
    picture = Image.fromarray(run.arrays["image"])
    quad = ffhq.find_quad(run.arrays["landmarks"], picture.size, 256)
    return {
        "quad_ref": _flat(quad.corners),
        "crop_offset": np.array(quad.crop[:2]),
        "quad_fixed": _flat(quad.in_picture),
        "image_ref": np.asarray(ffhq.draw_corners(picture, quad.corners, 256)),
    }


def extract_3dmm(run: CaseRun) -> Outputs:
    """Picture and landmarks to the photo's own 73 values."""
    arrays = run.arrays
    crop = deep3d.cut(arrays["image"], arrays["landmarks"], arrays["lm3d_std"])
    upright = crop.pixels.transpose(2, 0, 1)  # (3, 224, 224)
    batch = torch.from_numpy(upright.astype(np.float32) / 255)[None]
    values = run.network("deep3d_recon")(batch.to(run.networks.device))  # (1, 257)
    vector = paper_motion.assemble(values.cpu().numpy(), crop.transform[None])
    return {
        "crop_uint8": upright,
        "landmarks_crop": crop.landmarks,
        "trans_params": crop.transform,
        "coeff257": values,
        "coeff73": vector,
    }


CASES = {
    "ffhq_align": ffhq_aligned,
    "video_crop_reference_quirk": video_crop_reference_quirk,
    "extract_3dmm": extract_3dmm,
}
