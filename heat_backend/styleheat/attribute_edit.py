# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute edits: the portrait's w+ moved along a direction, or to a place on a component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

# Published strengths, and which component and rows the two that come from components use.
YOUNG, OLD, POSE = -5.0, 5.0, 2.0
BEARD, BEARD_COMPONENT, BEARD_ROWS = -20.0, 58, (7, 8)
LIP, LIP_COMPONENT, LIP_ROWS = 20.0, 34, (10, 10)


@dataclass(frozen=True)
class Direction:
    """A straight way through w+, as InterFaceGAN finds them.

    Attributes
    ----------
    vector : Tensor, broadcastable to (B, 18, 512)
        One unit of strength.
    """

    vector: Tensor

    def apply(self, rows: Tensor, strength: float) -> Tensor:
        """Return w+ (B, 18, 512) moved by ``strength``."""
        return rows + strength * self.vector


@dataclass(frozen=True)
class Component:
    """A principal component of the latents, as GANSpace finds them, for some rows only.

    Attributes
    ----------
    vector, mean : Tensor, shape (512,)
        Its direction, and the mean of the latents.
    deviation : float
        Standard deviation of the latents along it.
    rows : (first, last)
        Rows of w+ that move, both included.
    """

    vector: Tensor
    mean: Tensor
    deviation: float
    rows: tuple[int, int]

    def apply(self, rows: Tensor, place: float) -> Tensor:
        """Return w+ (B, 18, 512) brought to ``place`` deviations along the component.

        Where it stands is read from row 0 for all rows, as published.
        """
        standing = ((rows[:, 0] - self.mean) @ self.vector) / self.deviation  # (B,)
        step = (place - standing)[:, None] * self.vector * self.deviation  # (B, 512)
        moved = torch.zeros(rows.shape[1], dtype=rows.dtype, device=rows.device)
        moved[self.rows[0] : self.rows[1] + 1] = 1
        return rows + step[:, None] * moved[:, None]


def component(statistics: Mapping[str, Tensor], number: int, rows: tuple[int, int]) -> Component:
    """Pick one component out of a file's statistics.

    Parameters
    ----------
    statistics : mapping
        ``mean`` (1, 512), ``comp`` (N, 512) or (N, 1, 512), ``std`` (N,).
    number : int
        From 0.
    rows : (first, last)
        Rows of w+ that it moves.
    """
    vector = statistics["comp"][number].reshape(-1)
    mean = statistics["mean"].reshape(-1, vector.shape[0])[0]
    return Component(vector, mean, float(statistics["std"][number]), rows)
