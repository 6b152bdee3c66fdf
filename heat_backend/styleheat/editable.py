# SPDX-License-Identifier: GPL-3.0-or-later
"""An inverted portrait under any latent edits, made ready for the networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bridge.errors import UsageError
from heat_backend.styleheat import inversion
from heat_backend.styleheat.directions import EditList
from heat_backend.styleheat.edited_inversion import edited_inversion
from heat_backend.styleheat.fast.portrait import PreparedPortrait
from heat_backend.styleheat.hfgi import Encoded, Inversion, shown
from heat_backend.styleheat.loaded import Networks


@dataclass(frozen=True)
class EditablePortrait:
    """One portrait's inversion, and what its edits start from.

    Attributes
    ----------
    networks : Networks
    found : Inversion
        The portrait unedited.
    picture : Tensor
        (1, 3, 256, 256), -1 to 1, as photographed.
    method : str
        How it was inverted.
    edits : EditList
        What may be asked for.
    """

    networks: Networks
    found: Inversion
    picture: Tensor
    method: str
    edits: EditList

    def prepared(self, amounts: Mapping[str, float], half: bool) -> PreparedPortrait:
        """Make the portrait ready under some edits.

        Raises
        ------
        UsageError
            An edit is unknown, or the portrait was inverted in a way that cannot be edited.
        """
        found = self._edited(amounts) if amounts else self.found
        return PreparedPortrait.from_inversion(self.networks.driving(), found, half)

    @torch.no_grad()
    def _edited(self, amounts: Mapping[str, float]) -> Inversion:
        device = self.networks.device
        codes = self.edits.apply(self.found.wplus.cpu(), amounts).to(device)
        generator = self.networks.driving().generator
        if self.method == inversion.OPTIMIZE:
            raise UsageError(
                "an optimised inversion cannot be edited: choose the inversion encode or coarse, "
                f"or put {', '.join(amounts)} to 0"
            )
        if self.method == inversion.COARSE:
            made = generator(codes)
            return inversion.checked(Inversion(shown(made.image), codes, made.f_latent, None))
        rough = shown(generator(self.found.wplus.to(device)).image)  # -> (1,3,256,256)
        residual = self.picture.to(device) - rough
        encoded = Encoded(self.found.wplus.to(device), residual, rough)
        return inversion.checked(edited_inversion(self.networks.decoder(), encoded, codes))
