# SPDX-License-Identifier: GPL-3.0-or-later
"""What one frame asks of the portrait's edits: the keys that it lies between, and what is live."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bridge.edits import EDIT_BY_NAME
from bridge.errors import UsageError
from heat_backend.engines.protocol import CancelCheck, never
from heat_backend.styleheat.driving.prepared_portrait import PreparedPortrait
from heat_backend.styleheat.editing.attribute_region import region_mask
from heat_backend.styleheat.editing.directions import EditList
from heat_backend.styleheat.editing.frame_edits import Amounts, FrameEdits
from heat_backend.styleheat.editing.photo_edits import EditedPhoto, PhotoEditor
from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.cache import (
    Inverting,
    as_tensor,
    read_inversion,
    reduced,
    save_inversion,
)
from heat_backend.styleheat.inversion.encoder import Encoded, Inverter, shown
from heat_backend.styleheat.inversion.loaded import Networks
from heat_backend.styleheat.inversion.methods import Judge, Watch
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.networks.stylegan import Conditions, Generator


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


AT_ONCE = 4  # looks held in memory, 25 MB and a photo each; others are read from disk again
EDITS_VERSION = 1  # counts changes in what edits make of a photo


@dataclass(frozen=True)
class _Held:
    look: Look
    photo: EditedPhoto


class InversionCache:
    """Inverts the edited photo when a frame first asks for it.

    Parameters
    ----------
    inverting : Inverting
    own : EditedPhoto
        The photo as it is.
    found : Inversion
        Of it.
    editor : PhotoEditor
    edits : EditList
        The attributes.
    landmarks : ndarray, shape (68, 2)
        In pixels of the crop.
    """

    def __init__(
        self,
        inverting: Inverting,
        own: EditedPhoto,
        found: Inversion,
        editor: PhotoEditor,
        edits: EditList,
        landmarks: NDArray[np.floating],
    ) -> None:
        self._inverting = inverting
        self._own = own
        self._editor = editor
        self._edits = edits
        self._landmarks = landmarks
        self._plain = Look(found, as_tensor(reduced(own.crop), "cpu"))
        self._held: OrderedDict[Amounts, _Held] = OrderedDict()
        self._cancelled: CancelCheck = never

    def set_cancel_check(self, cancelled: CancelCheck) -> None:
        """Ask ``cancelled`` while an inversion goes on."""
        self._cancelled = cancelled

    def at(self, asked: FrameEdits) -> Look:
        """Return the portrait as a frame asks for it, its live edits apart."""
        before = self._find(asked.before).look
        if asked.before == asked.after:
            return before
        return between(before, self._find(asked.after).look, asked.share)

    def photo(self, edits: Amounts) -> EditedPhoto:
        """Return the photo under edits that are inverted anew."""
        return self._find(edits).photo

    def _find(self, edits: Amounts) -> _Held:
        if not edits:
            return _Held(self._plain, self._own)
        if edits in self._held:
            self._held.move_to_end(edits)
            return self._held[edits]
        while len(self._held) >= AT_ONCE:
            self._held.popitem(last=False)
        self._held[edits] = made = self._made(edits)
        return made

    def _made(self, edits: Amounts) -> _Held:
        watch = Watch(lambda text, share: None, self._cancelled)
        on_photo = {name: value for name, value in edits if name in EDIT_BY_NAME}
        latent = {name: value for name, value in edits if name not in EDIT_BY_NAME}
        photo, look = self._own, self._plain
        if on_photo:
            photo = self._editor.edited(on_photo)
            key = self._inverting.key(self._own.crop, self._words(on_photo))
            found = self._inverting.invert(photo.crop, key, watch)
            look = Look(found, as_tensor(reduced(photo.crop), "cpu"))
        if latent:
            key = self._inverting.key(self._own.crop, self._words(dict(edits)))
            look = Look(self._refined(look, photo, latent, key, watch), look.picture)
        return _Held(look, photo)

    def _refined(
        self, look: Look, photo: EditedPhoto, latent: dict[str, float], key: str, watch: Watch
    ) -> Inversion:
        """Edit attributes, and bring the rest of the face back to the photo."""
        kept = read_inversion(self._inverting.cache, key)
        if kept is not None:
            return kept
        networks, device = self._inverting.networks, self._inverting.networks.device
        edited = edited_latently(networks, look, latent, self._edits, self._inverting.method)
        mask = region_mask(self._edits.regions(latent), self._landmarks)
        region = torch.from_numpy(mask)[None, None].to(device)  # (1,1,1024,1024)
        target = as_tensor(photo.crop, device)
        generator = networks.driving().generator
        found = refined(generator, edited, target, region, networks.judge(), watch)
        save_inversion(self._inverting.cache, key, found)
        return found

    def _words(self, edits: dict[str, float]) -> str:
        """Put edits into words that change whenever what they do does."""
        return repr((EDITS_VERSION, sorted(edits.items()), self._edits.fingerprint(edits)))


def between(one: Look, other: Look, share: float) -> Look:
    """Interpolate codes, features and pictures of two looks; ``share`` 0 is the first."""

    def mixed(of: Callable[[Look], Tensor]) -> Tensor:
        return torch.lerp(of(one).float(), of(other).float().to(of(one).device), share)

    found = Inversion(
        mixed(lambda look: look.found.ix),
        mixed(lambda look: look.found.wplus),
        mixed(lambda look: look.found.fx),
        None,
    )
    return Look(found, mixed(lambda look: look.picture))
