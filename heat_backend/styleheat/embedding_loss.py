# SPDX-License-Identifier: GPL-3.0-or-later
"""What the optimised inversion minimises."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from heat_backend.styleheat.flow import resize
from heat_backend.styleheat.vgg19 import Vgg19, perceptual_loss

P_NORM_WEIGHT = 0.001
FEATURE_WEIGHT = 0.1
UNFOLD = 5.0
"""Slope that undoes the last leaky ReLU (0.2) of the style MLP."""


@dataclass(frozen=True)
class CodeStatistics:
    """Principal components of unfolded codes (``ffhq_PCA.npz``)."""

    mean: Tensor
    """(512,)."""
    components: Tensor
    """(C, 512)."""
    deviations: Tensor
    """(C,)."""


@dataclass(frozen=True)
class EmbeddingLoss:
    """The terms, each with its weight; scalars."""

    l2: Tensor
    perceptual: Tensor
    p_norm: Tensor
    feature: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum, which is minimised."""
        return self.l2 + self.perceptual + self.p_norm + self.feature


def p_norm(wplus: Tensor, statistics: CodeStatistics) -> Tensor:
    """Measure how unusual codes (B, rows, 512) are, in deviations squared."""
    unfolded = F.leaky_relu(wplus, UNFOLD)
    parts = (unfolded - statistics.mean) @ statistics.components.T  # -> (B,rows,C)
    return (parts / statistics.deviations).square().mean()


def embedding_loss(
    vgg: Vgg19, fake: Tensor, target: Tensor, wplus: Tensor, feature: Tensor, start: Tensor,
    statistics: CodeStatistics,
) -> EmbeddingLoss:  # fmt: skip
    """Judge one step of the optimisation.

    Parameters
    ----------
    vgg : Vgg19
        With ImageNet's weights.
    fake, target : Tensor
        (B, 3, H, W), -1 to 1; compared whole, and perceptually at 256 px.
    wplus : Tensor
        (B, rows, 512).
    feature, start : Tensor
        (B, 512, 64, 64), as it is now and as it began.
    statistics : CodeStatistics
        Of the codes.
    """
    return EmbeddingLoss(
        l2=F.mse_loss(fake, target),
        perceptual=perceptual_loss(vgg, resize(fake, 256), resize(target, 256)),
        p_norm=P_NORM_WEIGHT * p_norm(wplus, statistics),
        feature=FEATURE_WEIGHT * F.mse_loss(feature, start),
    )
