# SPDX-License-Identifier: GPL-3.0-or-later
"""An inverted portrait under any latent edits, made ready for the networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bridge.errors import UsageError
from heat_backend.styleheat import inversion
from heat_backend.styleheat.directions import EditList
from heat_backend.styleheat.edited_inversion import edited_inversion
from heat_backend.styleheat.fast.portrait import PreparedPortrait
from heat_backend.styleheat.frame_edits import FrameEdits
from heat_backend.styleheat.hfgi import Encoded, Inversion, shown
from heat_backend.styleheat.loaded import Networks


@dataclass(frozen=True)
class Look:
    """What a portrait's latent edits start from.

    Attributes
    ----------
    found : Inversion
    picture : Tensor
        (1, 3, 256, 256), -1 to 1, what was inverted.
    """

    found: Inversion
    picture: Tensor


@dataclass(frozen=True)
class EditablePortrait:
    """One portrait's inversions, and what may be made of them.

    Attributes
    ----------
    networks : Networks
    looks : callable
        Gives the portrait as a frame asks for it, its live edits apart.
    method : str
        How it was inverted.
    edits : EditList
        What may be asked for.
    """

    networks: Networks
    looks: Callable[[FrameEdits], Look]
    method: str
    edits: EditList

    def prepared(self, asked: FrameEdits, half: bool) -> PreparedPortrait:
        """Make the portrait ready under some edits.

        Raises
        ------
        UsageError
            An edit is unknown, or the portrait was inverted in a way that cannot be edited.
        """
        look = self.looks(asked)
        found = look.found
        if asked.live:
            found = edited_latently(self.networks, look, dict(asked.live), self.edits, self.method)
        return PreparedPortrait.from_inversion(self.networks.driving(), found, half)


@torch.no_grad()
def edited_latently(
    networks: Networks, look: Look, amounts: Mapping[str, float], edits: EditList, method: str
) -> Inversion:
    """Move a look's codes along the directions of some attributes.

    Raises
    ------
    UsageError
        An edit is unknown, or the portrait was inverted in a way that cannot be edited.
    """
    device = networks.device
    codes = edits.apply(look.found.wplus.cpu(), amounts).to(device)
    generator = networks.driving().generator
    if method == inversion.OPTIMIZE:
        raise UsageError(
            "an optimised inversion cannot be edited: choose the inversion encode or coarse, "
            f"or put {', '.join(amounts)} to 0"
        )
    if method == inversion.COARSE:
        made = generator(codes)
        return inversion.checked(Inversion(shown(made.image), codes, made.f_latent, None))
    rough = shown(generator(look.found.wplus.to(device)).image)  # -> (1,3,256,256)
    residual = look.picture.to(device) - rough
    encoded = Encoded(look.found.wplus.to(device), residual, rough)
    return inversion.checked(edited_inversion(networks.decoder(), encoded, codes))
