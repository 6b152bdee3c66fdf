# SPDX-License-Identifier: GPL-3.0-or-later
"""Inversions under edits: latent edits, refinement against the photo, and a cache of both.

A latent edit moves the W+ codes and keeps the residual of the unedited picture (HFGI,
arXiv 2109.06590). Edits of the photo itself, and attributes under
``--keep-identity``, are inverted anew at the keys of a clip and interpolated between them.
"""

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
    PortraitInverter,
    read_inversion,
    resized_to_256,
    save_inversion,
    uint8_to_image,
)
from heat_backend.styleheat.inversion.encoder import Encoded, Inverter, clamped_256
from heat_backend.styleheat.inversion.loaded import Networks
from heat_backend.styleheat.inversion.methods import InversionMonitor, LossModels
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.networks.stylegan import Conditions, Generator

REFINEMENT_STEPS = 40  # from an inversion that is near already; chosen on the test portraits
INVERSIONS_IN_MEMORY = 4  # 25 MB and a photo each; older ones are read from disk again
EDITS_VERSION = 1  # part of the cache key: raise it when edits change a photo differently


@dataclass(frozen=True)
class InvertedPicture:
    """An inversion, and the picture that was inverted.

    Attributes
    ----------
    inversion : Inversion
    picture : Tensor
        (1, 3, 256, 256), -1 to 1.
    """

    inversion: Inversion
    picture: Tensor


@dataclass(frozen=True)
class EditablePortrait:
    """Prepares a portrait for rendering under the edits of a frame.

    Attributes
    ----------
    networks : Networks
    inversion_at : callable
        Gives the inversion for the edits of a frame, without its live edits.
    method : str
        Inversion method, one of ``methods.METHODS``.
    edits : EditList
        The latent edits.
    """

    networks: Networks
    inversion_at: Callable[[FrameEdits], InvertedPicture]
    method: str
    edits: EditList

    def prepared(self, frame_edits: FrameEdits, half: bool) -> PreparedPortrait:
        """Prepare the portrait under the edits of a frame.

        Raises
        ------
        UsageError
            An edit is unknown, or the portrait was inverted in a way that cannot be edited.
        """
        inverted = self.inversion_at(frame_edits)
        inversion = inverted.inversion
        if frame_edits.live:
            inversion = apply_latent_edits(
                self.networks, inverted, dict(frame_edits.live), self.edits, self.method
            )
        return PreparedPortrait.from_inversion(self.networks.driving(), inversion, half)


@torch.no_grad()
def apply_latent_edits(
    networks: Networks,
    inverted: InvertedPicture,
    amounts: Mapping[str, float],
    edits: EditList,
    method: str,
) -> Inversion:
    """Move W+ codes along latent directions, the residual kept (HFGI).

    Raises
    ------
    UsageError
        An edit is unknown, or the portrait was inverted in a way that cannot be edited.
    """
    device = networks.device
    codes = edits.apply(inverted.inversion.wplus.cpu(), amounts).to(device)
    generator = networks.driving().generator
    if method == methods.OPTIMIZE:
        raise UsageError(
            "an optimised inversion cannot be edited: choose the inversion encode or coarse, "
            f"or put {', '.join(amounts)} to 0"
        )
    if method == methods.COARSE:
        made = generator(codes)
        return methods.checked(Inversion(clamped_256(made.image), codes, made.f_latent, None))
    rough = clamped_256(generator(inverted.inversion.wplus.to(device)).image)  # -> (1,3,256,256)
    residual = inverted.picture.to(device) - rough
    encoded = Encoded(inverted.inversion.wplus.to(device), residual, rough)
    return methods.checked(edited_inversion(networks.decoder(), encoded, codes))


def edited_inversion(inverter: Inverter, encoded: Encoded, wplus: Tensor) -> Inversion:
    """Invert a picture under edited codes, with its residual (HFGI).

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
    rough = clamped_256(inverter.generator(wplus).image)  # -> (B,3,256,256)
    return inverter.decode(Encoded(wplus, encoded.residual, rough))


def refine_edited_inversion(
    generator: Generator,
    edited: Inversion,
    photo: Tensor,
    region: Tensor,
    loss_models: LossModels,
    monitor: InversionMonitor,
    steps: int = REFINEMENT_STEPS,
) -> Inversion:
    """Optimise an edited inversion against the photo outside the edit's region.

    Inside the region the target is the edited picture, so that the edit stays.

    Parameters
    ----------
    generator : Generator
    edited : Inversion
        With the edit in it.
    photo : Tensor
        (1, 3, size, size), -1 to 1, of the generator's size.
    region : Tensor
        (1, 1, size, size), 1 where the edit may show, 0 where the photo is to stay.
    loss_models : LossModels
    monitor : InversionMonitor
    steps : int
    """
    with torch.no_grad():
        drawn = generator(edited.wplus, Conditions(f=edited.fx)).image.clamp(-1.0, 1.0)
        target = region * drawn + (1.0 - region) * photo
    return methods.optimize(generator, edited, target, loss_models, monitor, steps)


@dataclass(frozen=True)
class _EditedPortrait:
    inverted: InvertedPicture
    photo: EditedPhoto


class InversionCache:
    """Inversions of the photo under edits, computed when first needed, in memory and on disk.

    Parameters
    ----------
    inverting : PortraitInverter
    original : EditedPhoto
        The photo as it is.
    inversion : Inversion
        Of it.
    editor : PhotoEditor
    edits : EditList
        The attributes.
    landmarks : ndarray, shape (68, 2)
        In pixels of the crop.
    """

    def __init__(
        self,
        inverting: PortraitInverter,
        original: EditedPhoto,
        inversion: Inversion,
        editor: PhotoEditor,
        edits: EditList,
        landmarks: NDArray[np.floating],
    ) -> None:
        self._inverting = inverting
        self._original = original
        self._editor = editor
        self._edits = edits
        self._landmarks = landmarks
        self._unedited = InvertedPicture(
            inversion, uint8_to_image(resized_to_256(original.crop), "cpu")
        )
        self._in_memory: OrderedDict[Amounts, _EditedPortrait] = OrderedDict()
        self._cancelled: CancelCheck = never

    def set_cancel_check(self, cancelled: CancelCheck) -> None:
        """Set what cancels an inversion in progress."""
        self._cancelled = cancelled

    def at(self, frame_edits: FrameEdits) -> InvertedPicture:
        """Return the inversion for the edits of a frame, without its live edits."""
        before = self._find(frame_edits.before).inverted
        if frame_edits.before == frame_edits.after:
            return before
        return interpolate_inversions(
            before, self._find(frame_edits.after).inverted, frame_edits.share
        )

    def photo(self, edits: Amounts) -> EditedPhoto:
        """Return the photo under edits that are inverted anew."""
        return self._find(edits).photo

    def _find(self, edits: Amounts) -> _EditedPortrait:
        if not edits:
            return _EditedPortrait(self._unedited, self._original)
        if edits in self._in_memory:
            self._in_memory.move_to_end(edits)
            return self._in_memory[edits]
        while len(self._in_memory) >= INVERSIONS_IN_MEMORY:
            self._in_memory.popitem(last=False)
        self._in_memory[edits] = made = self._compute(edits)
        return made

    def _compute(self, edits: Amounts) -> _EditedPortrait:
        monitor = InversionMonitor(lambda text, share: None, self._cancelled)
        on_photo = {name: value for name, value in edits if name in EDIT_BY_NAME}
        latent = {name: value for name, value in edits if name not in EDIT_BY_NAME}
        photo, inverted = self._original, self._unedited
        if on_photo:
            photo = self._editor.edited(on_photo)
            key = self._inverting.key(self._original.crop, self._description(on_photo))
            inversion = self._inverting.invert(photo.crop, key, monitor)
            inverted = InvertedPicture(inversion, uint8_to_image(resized_to_256(photo.crop), "cpu"))
        if latent:
            key = self._inverting.key(self._original.crop, self._description(dict(edits)))
            inverted = InvertedPicture(
                self._refined(inverted, photo, latent, key, monitor), inverted.picture
            )
        return _EditedPortrait(inverted, photo)

    def _refined(
        self,
        inverted: InvertedPicture,
        photo: EditedPhoto,
        latent: dict[str, float],
        key: str,
        monitor: InversionMonitor,
    ) -> Inversion:
        """Apply latent edits, then refine the rest of the face against the photo."""
        kept = read_inversion(self._inverting.cache, key)
        if kept is not None:
            return kept
        networks, device = self._inverting.networks, self._inverting.networks.device
        edited = apply_latent_edits(networks, inverted, latent, self._edits, self._inverting.method)
        mask = region_mask(self._edits.regions(latent), self._landmarks)
        region = torch.from_numpy(mask)[None, None].to(device)  # (1,1,1024,1024)
        target = uint8_to_image(photo.crop, device)
        generator = networks.driving().generator
        inversion = refine_edited_inversion(
            generator, edited, target, region, networks.loss_models(), monitor
        )
        save_inversion(self._inverting.cache, key, inversion, portrait=self._inverting.portrait)
        return inversion

    def _description(self, edits: dict[str, float]) -> str:
        """Describe edits and their directions, for the cache key."""
        return repr((EDITS_VERSION, sorted(edits.items()), self._edits.fingerprint(edits)))


def interpolate_inversions(
    first: InvertedPicture, second: InvertedPicture, share: float
) -> InvertedPicture:
    """Interpolate codes, features and pictures of two inversions; ``share`` 0 is the first."""

    def mixed(of: Callable[[InvertedPicture], Tensor]) -> Tensor:
        return torch.lerp(of(first).float(), of(second).float().to(of(first).device), share)

    inversion = Inversion(
        mixed(lambda inverted: inverted.inversion.ix),
        mixed(lambda inverted: inverted.inversion.wplus),
        mixed(lambda inverted: inverted.inversion.fx),
        None,
    )
    return InvertedPicture(inversion, mixed(lambda inverted: inverted.picture))
