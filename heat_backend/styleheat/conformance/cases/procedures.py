# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded cases of the procedures: crops, the 73 values, edits, losses and gradients."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from heat_backend.styleheat.conformance.synthetic import CaseRun, Outputs
from heat_backend.styleheat.crops import deep3d, ffhq
from heat_backend.styleheat.driving import paper_motion
from heat_backend.styleheat.editing import directions, intuitive_edit
from heat_backend.styleheat.editing.directions import Direction, component
from heat_backend.styleheat.inversion.methods import (
    CodeStatistics,
    EmbeddingLoss,
    embedding_loss,
)
from heat_backend.styleheat.networks.losses import perceptual_loss
from heat_backend.styleheat.networks.stylegan import Conditions


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


_LONG, _SHORT = 40, 5
_MOTION_FRAMES = (0, 5, 13, 20, 30, 39)
_SOUND_FRAMES = (0, 3, 4, 5, 10, 13, 37, 60, 80)


def coeff_assembly(run: CaseRun) -> Outputs:
    """Assemble the 73 values from the reconstruction's 257 and the crop's numbers."""
    arrays = run.arrays
    return {"coeff73": paper_motion.assemble(arrays["coeff257"], arrays["trans_params"])}


def semantic_window(run: CaseRun) -> Outputs:
    """Windows of 27 frames in a long clip and in one shorter than a window."""
    clip = run.arrays["coeff"]
    window = paper_motion.window_indices
    return {
        "frames": np.array(_MOTION_FRAMES),
        "index40": np.stack([window(frame, _LONG) for frame in _MOTION_FRAMES]),
        "index5": np.stack([window(frame, _SHORT) for frame in range(_SHORT)]),
        "window_frame5": paper_motion.motion_window(clip, 5),
        "window_frame39": paper_motion.motion_window(clip, 39),
    }


def crop_norm_ratio(run: CaseRun) -> Outputs:
    """How much larger one person's head is shown than another's."""
    source, target = run.arrays["source"][0], run.arrays["target"]
    return {
        "ratio": np.array([paper_motion.crop_ratio(source, target)], np.float32),
        "index": np.array([paper_motion.nearest_frame(source, target)]),
    }


def audio_window(run: CaseRun) -> Outputs:
    """Windows of a mel spectrogram."""
    mel = run.arrays["mel"]
    return {
        "frames": np.array(_SOUND_FRAMES),
        "start": np.array([paper_motion.mel_start(frame) for frame in _SOUND_FRAMES]),
        "window_frame37": paper_motion.mel_window(mel, 37),
        "window_frame5_len16": paper_motion.mel_window(mel, 5, 16),
    }


def intuitive(run: CaseRun) -> Outputs:
    """Give the courses of head and expression, the latter also with the published easing."""
    start = run.arrays["start"]
    return {
        "rotation": intuitive_edit.rotation_course(),
        "expression_reference": intuitive_edit.expression_course(start, run.arrays, True),
        "expression_linear": intuitive_edit.expression_course(start, run.arrays),
    }


def attribute(run: CaseRun) -> Outputs:
    """Latents of the five published attributes."""
    rows = run.tensor("wplus")  # (2, 18, 512)
    statistics = {name: run.tensor(name) for name in ("mean", "comp", "std")}
    age, pose = Direction(run.tensor("age")), Direction(run.tensor("pose"))
    beard = component(statistics, directions.BEARD_COMPONENT, directions.BEARD_ROWS)
    lip = component(statistics, directions.LIP_COMPONENT, directions.LIP_ROWS)
    return {
        "young": age.apply(rows, directions.YOUNG),
        "old": age.apply(rows, directions.OLD),
        "pose": pose.apply(rows, directions.POSE),
        "beard": beard.apply(rows, directions.BEARD),
        "lip": lip.apply(rows, directions.LIP),
    }


FIRST_FREE_ROW = 9
"""Rows of W+ below it stay as the encoder found them."""


def _statistics(run: CaseRun) -> CodeStatistics:
    return CodeStatistics(run.tensor("pca_mean"), run.tensor("pca_comp"), run.tensor("pca_std"))


def _terms(loss: EmbeddingLoss) -> dict[str, Tensor]:
    terms = {
        "total": loss.total,
        "l2": loss.l2,
        "perceptual": loss.perceptual,
        "p_norm": loss.p_norm,
        "l_F": loss.feature,
    }
    return {name: term.detach()[None] for name, term in terms.items()}  # () -> (1,)


def perceptual_no_style(run: CaseRun) -> Outputs:
    """Run the warp stage's perceptual loss, without Gram matrices."""
    with torch.enable_grad():
        fake = run.tensor("fake").requires_grad_()
        loss = perceptual_loss(run.network("vgg19"), fake, run.tensor("target"), style=False)
        loss.backward()
    assert fake.grad is not None
    return {"loss": loss.detach()[None], "grad_fake": fake.grad}


def embedding(run: CaseRun) -> Outputs:
    """Run the optimisation's loss on given 1024 px pictures."""
    with torch.enable_grad():
        fake, wplus, f = (run.tensor(name).requires_grad_() for name in ("fake", "wplus", "f"))
        loss = embedding_loss(
            run.network("vgg19"), fake, run.tensor("target"), wplus, f, run.tensor("f_init"),
            _statistics(run),
        )  # fmt: skip
        gradients = torch.autograd.grad(loss.total, (fake, wplus, f))
    names = ("grad_fake", "grad_wplus", "grad_f")
    return _terms(loss) | dict(zip(names, gradients, strict=True))


def optimize_gradient(run: CaseRun) -> Outputs:
    """Run one evaluation of the optimisation through the generator, stopped at 256 px."""
    wplus = run.tensor("wplus")
    with torch.enable_grad():
        rows = wplus[0, FIRST_FREE_ROW:].clone().requires_grad_()  # (1,14,512) -> (5,512)
        f = run.tensor("f").requires_grad_()
        codes = torch.cat([wplus[:, :FIRST_FREE_ROW], rows[None]], dim=1)  # -> (1,14,512)
        image = run.network("stylegan", size=256)(codes, Conditions(f=f)).image
        loss = embedding_loss(
            run.network("vgg19"), image, run.tensor("target"), codes, f, run.tensor("f_init"),
            _statistics(run),
        )  # fmt: skip
        grad_rows, grad_f = torch.autograd.grad(loss.total, (rows, f))
    return _terms(loss) | {"grad_rows": grad_rows, "grad_f": grad_f}


CASES = {
    "ffhq_align": ffhq_aligned,
    "video_crop_reference_quirk": video_crop_reference_quirk,
    "extract_3dmm": extract_3dmm,
    "coeff_assembly": coeff_assembly,
    "semantic_window": semantic_window,
    "crop_norm_ratio": crop_norm_ratio,
    "audio_window": audio_window,
    "intuitive_edit": intuitive,
    "attribute_edit": attribute,
    "perceptual_no_style": perceptual_no_style,
    "embedding_loss": embedding,
    "optimize_gradient256": optimize_gradient,
}
