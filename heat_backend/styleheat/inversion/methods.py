# SPDX-License-Identifier: GPL-3.0-or-later
"""The inversion methods: ``encode``, ``coarse`` and ``optimize``, and the loss of the last.

``optimize`` descends on the fine rows of W+ and the 64 px feature by Adam, from the encoders'
inversion; the loss has an L2, a VGG19 perceptual, a code-prior (in P_N space, arXiv 2012.09036) and
a feature-distance term.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from bridge.errors import BadInput, Cancelled, UsageError
from heat_backend.styleheat.inversion.encoder import SIZE, Inverter, clamped_256
from heat_backend.styleheat.networks.flow import resize
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.networks.losses import Vgg19, perceptual_loss
from heat_backend.styleheat.networks.stylegan import Conditions, Generator

# Weights of the published optimisation.
P_NORM_WEIGHT = 0.001
FEATURE_WEIGHT = 0.1
INVERSE_SLOPE = 5.0
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
    unfolded = F.leaky_relu(wplus, INVERSE_SLOPE)
    parts = (unfolded - statistics.mean) @ statistics.components.T  # -> (B,rows,C)
    return (parts / statistics.deviations).square().mean()


def embedding_loss(
    vgg: Vgg19, fake: Tensor, target: Tensor, wplus: Tensor, feature: Tensor, start: Tensor,
    statistics: CodeStatistics,
) -> EmbeddingLoss:  # fmt: skip
    """Compute the loss of one optimisation step.

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


ENCODE, OPTIMIZE, COARSE = "encode", "optimize", "coarse"
METHODS = (ENCODE, OPTIMIZE, COARSE)
"""Encoders with the residual put back; that, then optimised; plain codes for a fast look."""

# Adam, as in StyleHEAT's published optimisation.
STEPS = 250
LEARNING_RATE = 0.01
BETAS = (0.9, 0.999)
FIRST_FREE_ROW = 9
"""Rows of W+ below it stay as encoded: coarse structure and pose (as published)."""
STEPS_PER_PREVIEW = 10  # between progress images: copying each to the host costs time

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class InversionMonitor:
    """Progress, cancellation and preview of a long inversion.

    Attributes
    ----------
    progress : callable (text, share)
    cancelled : callable
        Called between steps; true stops the inversion.
    preview : callable (Tensor), optional
        Given the reconstruction (1, 3, H, W), -1 to 1, every few steps.
    """

    progress: Report
    cancelled: Callable[[], bool]
    preview: Callable[[Tensor], None] | None = None

    def step(self, text: str, share: float) -> None:
        """Report progress.

        Raises
        ------
        Cancelled
            When ``cancelled()`` is true.
        """
        if self.cancelled():
            raise Cancelled("preparing the portrait was cancelled")
        self.progress(text, share)

    def show(self, image: Tensor) -> None:
        """Pass the reconstruction on as a progress image."""
        if self.preview is not None:
            self.preview(image.detach())


@dataclass(frozen=True)
class LossModels:
    """The models of the loss: VGG19, and the statistics of W+ codes."""

    vgg: Vgg19
    statistics: CodeStatistics


def check_method(name: str) -> None:
    """Check the name of a method.

    Raises
    ------
    UsageError
        When it is none of ``METHODS``.
    """
    if name not in METHODS:
        raise UsageError(f"no inversion named {name!r}; choose one of: {', '.join(METHODS)}")


def encode(inverter: Inverter, picture: Tensor, monitor: InversionMonitor) -> Inversion:
    """Invert by the encoders.

    Parameters
    ----------
    inverter : Inverter
    picture : Tensor
        (1, 3, 256, 256), -1 to 1.
    """
    with torch.no_grad():
        monitor.step("finding the portrait's codes", 0.0)
        encoded = inverter.encode(picture)
        monitor.show(encoded.rough)
        monitor.step("putting its details back", 0.5)
        inversion = inverter.decode(encoded)
        monitor.show(inversion.ix)
    return checked(inversion)


def coarse(inverter: Inverter, picture: Tensor, monitor: InversionMonitor) -> Inversion:
    """Invert by plain codes: smoother and less alike, but nothing is strained by large turns.

    Parameters
    ----------
    inverter : Inverter
    picture : Tensor
        (1, 3, 256, 256), -1 to 1.
    """
    with torch.no_grad():
        monitor.step("finding the portrait's codes", 0.0)
        codes = inverter.average(inverter.encoder(resize(picture, SIZE)))  # -> (1,18,512)
        generated = inverter.generator(codes)
        inversion = Inversion(clamped_256(generated.image), codes, generated.f_latent, None)
        monitor.show(inversion.ix)
    return checked(inversion)


def optimize(
    generator: Generator,
    start: Inversion,
    target: Tensor,
    loss_models: LossModels,
    monitor: InversionMonitor,
    steps: int = STEPS,
) -> Inversion:
    """Improve an inversion by gradient descent on the fine rows of W+ and the 64 px feature.

    As published, the picture and the codes returned are those of the last step's loss, while the
    feature has taken that step too.

    Parameters
    ----------
    generator : Generator
    start : Inversion
        By the encoders.
    target : Tensor
        (1, 3, size, size), -1 to 1, of the generator's size.
    loss_models : LossModels
    monitor : InversionMonitor
    steps : int
    """
    fixed = start.wplus[:, :FIRST_FREE_ROW].detach()  # (1,18,512) -> (1,9,512)
    rows = start.wplus[:, FIRST_FREE_ROW:].detach().clone().requires_grad_()  # -> (1,9,512)
    feature = start.fx.detach().clone().requires_grad_()  # (1,512,64,64)
    descent = torch.optim.Adam([rows, feature], lr=LEARNING_RATE, betas=BETAS)
    codes, image = start.wplus, target
    for step in range(steps):
        monitor.step(f"optimising the inversion, step {step + 1} of {steps}", step / steps)
        with torch.enable_grad():
            codes = torch.cat([fixed, rows], dim=1)  # -> (1,18,512)
            image = generator(codes, Conditions(f=feature)).image  # -> (1,3,size,size)
            loss = embedding_loss(
                loss_models.vgg, image, target, codes, feature, start.fx, loss_models.statistics
            )
        descent.zero_grad(set_to_none=True)
        _check_loss(loss.total).backward()
        descent.step()
        if step % STEPS_PER_PREVIEW == 0 or step == steps - 1:
            monitor.show(image)
    ix = resize(image.detach(), SIZE)
    return checked(Inversion(ix, codes.detach(), feature.detach(), None))


def _check_loss(loss: Tensor) -> Tensor:
    if bool(torch.isfinite(loss)):
        return loss
    raise BadInput(
        "the optimised inversion ran into numbers without end: choose the inversion "
        f"`{ENCODE}` for this photo"
    )


def checked(inversion: Inversion) -> Inversion:
    """Check that an inversion is finite.

    Raises
    ------
    BadInput
        When it holds a NaN or infinity.
    """
    if all(bool(torch.isfinite(t).all()) for t in (inversion.ix, inversion.wplus, inversion.fx)):
        return inversion
    raise BadInput(
        "the networks give no numbers for this photo: check the weights with `heat weights verify`"
    )
