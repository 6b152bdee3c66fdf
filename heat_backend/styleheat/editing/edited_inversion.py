# SPDX-License-Identifier: GPL-3.0-or-later
"""An inversion whose codes were edited: what the codes lost is put back as it was before."""

from __future__ import annotations

import torch
from torch import Tensor

from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.encoder import Encoded, Inversion, Inverter, shown
from heat_backend.styleheat.inversion.methods import Judge, Watch
from heat_backend.styleheat.networks.stylegan import Conditions, Generator


def edited_inversion(inverter: Inverter, encoded: Encoded, wplus: Tensor) -> Inversion:
    """Show a picture's inversion under other codes.

    The aligner is given the edited rough picture with the residual of the unedited one, so that
    details stay and only what the codes change does.

    Parameters
    ----------
    inverter : Inverter
    encoded : Encoded
        The picture, unedited.
    wplus : Tensor, shape (B, 18, 512)
        The edited codes.
    """
    rough = shown(inverter.generator(wplus).image)  # -> (B,3,256,256)
    return inverter.decode(Encoded(wplus, encoded.residual, rough))


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
    return methods.optimize(generator, edited, target, judge, watch, steps)
