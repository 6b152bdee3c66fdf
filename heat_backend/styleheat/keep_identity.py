# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings an edited inversion back to the photo wherever the edit is not about."""

from __future__ import annotations

import torch
from torch import Tensor

from heat_backend.styleheat import inversion
from heat_backend.styleheat.hfgi import Inversion
from heat_backend.styleheat.inversion import Judge, Watch
from heat_backend.styleheat.stylegan import Conditions, Generator

STEPS = 40


def refined(
    generator: Generator,
    edited: Inversion,
    photo: Tensor,
    region: Tensor,
    judge: Judge,
    watch: Watch,
    steps: int = STEPS,
) -> Inversion:
    """Optimise an edited inversion against the photo outside the edit's region.

    Inside the region the picture to come near to is the edited one, so that the edit stays.

    Parameters
    ----------
    generator : Generator
    edited : Inversion
        With the edit in it.
    photo : Tensor
        (1, 3, size, size), -1 to 1, of the generator's size.
    region : Tensor
        (1, 1, size, size), 1 where the edit may show, 0 where the photo is to stay.
    judge : Judge
    watch : Watch
    steps : int
    """
    with torch.no_grad():
        drawn = generator(edited.wplus, Conditions(f=edited.fx)).image.clamp(-1.0, 1.0)
        target = region * drawn + (1.0 - region) * photo
    return inversion.optimize(generator, edited, target, judge, watch, steps)
