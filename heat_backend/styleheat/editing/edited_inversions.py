# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait's inversions under the edits that need one of their own, and what lies between."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bridge.edits import EDIT_BY_NAME
from heat_backend.engines.protocol import CancelCheck, never
from heat_backend.styleheat.editing.attribute_region import region_mask
from heat_backend.styleheat.editing.directions import EditList
from heat_backend.styleheat.editing.editable import Amounts, FrameEdits, Look, edited_latently
from heat_backend.styleheat.editing.edited_inversion import refined
from heat_backend.styleheat.editing.photo_edits import EditedPhoto, PhotoEditor
from heat_backend.styleheat.inversion.cache import (
    Inverting,
    as_tensor,
    read_inversion,
    reduced,
    save_inversion,
)
from heat_backend.styleheat.inversion.encoder import Inversion
from heat_backend.styleheat.inversion.methods import Watch

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
