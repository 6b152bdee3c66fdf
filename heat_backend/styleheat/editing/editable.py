# SPDX-License-Identifier: GPL-3.0-or-later
"""What one frame asks of the portrait's edits: the keys that it lies between, and what is live."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from bridge.edit_cost import DECIMALS, EditKeys, inverted_anew
from bridge.errors import UsageError
from heat_backend.styleheat.editing.directions import EditList
from heat_backend.styleheat.editing.edited_inversion import edited_inversion
from heat_backend.styleheat.fast.portrait import PreparedPortrait
from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.encoder import Encoded, Inversion, shown
from heat_backend.styleheat.weights.loaded import Networks

Amounts = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class FrameEdits:
    """The edits of a frame.

    Attributes
    ----------
    live : tuple of (name, amount)
        Latent edits, which cost little and are done anew whenever they change.
    before, after : tuple of (name, amount)
        Edits that are inverted anew, at the keys on both sides of the frame.
    share : float
        How far it is from ``before`` to ``after``, 0..1.
    """

    live: Amounts = ()
    before: Amounts = ()
    after: Amounts = ()
    share: float = 0.0

    @classmethod
    def held(cls, edits: Mapping[str, float], keep_identity: bool = False) -> FrameEdits:
        """Return what a frame asks for whose edits stand still."""
        anew = set(inverted_anew(edits, keep_identity))
        key = amounts({n: round(v, DECIMALS) for n, v in edits.items() if n in anew})
        return cls(amounts({n: v for n, v in edits.items() if n not in anew}), key, key)

    @classmethod
    def between(cls, keys: EditKeys, frame: int, edits: Mapping[str, float]) -> FrameEdits:
        """Return what a frame of a clip asks for.

        Parameters
        ----------
        keys : EditKeys
            Of the clip.
        frame : int
        edits : mapping
            The clip's at that frame.
        """
        first, last, share = keys.place(frame)
        live = amounts({n: v for n, v in edits.items() if n not in keys.names})
        before, after = amounts(keys.edits(first)), amounts(keys.edits(last))
        return cls(live, before, after, share if before != after else 0.0)


NOTHING = FrameEdits()


def amounts(edits: Mapping[str, float]) -> Amounts:
    """Return edits in an order of their own, without those that are 0."""
    return tuple(sorted((name, float(value)) for name, value in edits.items() if value))


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
    if method == methods.OPTIMIZE:
        raise UsageError(
            "an optimised inversion cannot be edited: choose the inversion encode or coarse, "
            f"or put {', '.join(amounts)} to 0"
        )
    if method == methods.COARSE:
        made = generator(codes)
        return methods.checked(Inversion(shown(made.image), codes, made.f_latent, None))
    rough = shown(generator(look.found.wplus.to(device)).image)  # -> (1,3,256,256)
    residual = look.picture.to(device) - rough
    encoded = Encoded(look.found.wplus.to(device), residual, rough)
    return methods.checked(edited_inversion(networks.decoder(), encoded, codes))
