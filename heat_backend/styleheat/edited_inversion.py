# SPDX-License-Identifier: GPL-3.0-or-later
"""An inversion whose codes were edited: what the codes lost is put back as it was before."""

from __future__ import annotations

from torch import Tensor

from heat_backend.styleheat.hfgi import Encoded, Inversion, Inverter, shown


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
