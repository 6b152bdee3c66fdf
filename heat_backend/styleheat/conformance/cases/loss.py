# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the losses and their gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.inversion.methods import (
    CodeStatistics,
    EmbeddingLoss,
    embedding_loss,
)
from heat_backend.styleheat.networks.stylegan import Conditions
from heat_backend.styleheat.networks.vgg19 import perceptual_loss

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
    "perceptual_no_style": perceptual_no_style,
    "embedding_loss": embedding,
    "optimize_gradient256": optimize_gradient,
}
