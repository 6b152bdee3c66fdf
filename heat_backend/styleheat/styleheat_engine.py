# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``styleheat`` engine: prepares a portrait for the StyleHEAT networks (arXiv 2203.04036).

The photo is aligned (FFHQ crop), inverted to W+ codes and a 64 px feature, and measured by
Deep3DFaceRecon (its own 73-vector); the Basel Face Model translates Heat's expressions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bridge.errors import BadInput, Cancelled
from heat_backend.detect.detector import choose_face, make_detector
from heat_backend.engines.device import chosen_device
from heat_backend.engines.protocol import (
    CancelCheck,
    EngineSettings,
    Portrait,
    ProgressReport,
    never,
    progress_image_taker,
)
from heat_backend.engines.registry import DEFAULT_ENGINE, make_engine
from heat_backend.media.photo import Photo
from heat_backend.styleheat.bfm.basel import read_standard_head
from heat_backend.styleheat.bfm.expression_map import ExpressionMap, cached_expression_map
from heat_backend.styleheat.bfm.head_pose import HeadMotion
from heat_backend.styleheat.crops.deep3d import PICTURE_SIZE, cut, five_points, landmarks_68
from heat_backend.styleheat.crops.ffhq import SIZE, PortraitCrop, crop_portrait
from heat_backend.styleheat.crops.paste_back import PasteBack, paste_back
from heat_backend.styleheat.description import DESCRIPTION, StyleHeatOptions
from heat_backend.styleheat.driving import paper_motion
from heat_backend.styleheat.driving.paper_motion import constant_window
from heat_backend.styleheat.editing.directions import find_edits
from heat_backend.styleheat.editing.edited_inversion import EditablePortrait, InversionCache
from heat_backend.styleheat.editing.frame_edits import NOTHING, Amounts, FrameEdits
from heat_backend.styleheat.editing.photo_edits import EditedPastes, EditedPhoto, PhotoEditor
from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.cache import PortraitInverter, image_to_uint8, resized_to_256
from heat_backend.styleheat.inversion.loaded import Networks
from heat_backend.styleheat.inversion.methods import InversionMonitor
from heat_backend.styleheat.network_driver import NetworkDriver
from heat_backend.styleheat.networks.device_memory import report_out_of_memory
from heat_backend.styleheat.networks.forward import Inversion
from heat_backend.styleheat.portrait import CoefficientMapper, Editing, StyleHeatPortrait
from heat_backend.styleheat.weights.catalogue import find_file
from heat_backend.styleheat.weights.folder import cache_folder, find_folder

MAX_RESIDUAL = (
    0.7  # share of an expression's motion outside the basis from which on the user is told
)
MAX_LISTED = 6
SYNTHETIC_NOTE = (
    "SYNTHETIC-WEIGHTS TEST: the weights are made up, the picture means nothing; "
    "for results, run `heat weights fetch`"
)


class StyleHeatEngine:
    """See :class:`heat_backend.engines.protocol.Engine`."""

    name = DESCRIPTION.name

    def __init__(self, weights: Path | None = None, cache: Path | None = None) -> None:
        self.version = DESCRIPTION.version
        self._weights = weights
        self._cache = cache
        self._networks: Networks | None = None

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: ProgressReport,
        cancelled: CancelCheck,
    ) -> StyleHeatPortrait:
        """Do all per-portrait work; see the protocol for what it raises."""
        methods.check_method(settings.engine_options(StyleHeatOptions).inversion)
        networks = self._loaded(chosen_device(settings.device))
        with report_out_of_memory(networks.device):
            return _Preparation(networks, self._caches(), photo, settings).run(progress, cancelled)

    def _loaded(self, device: str) -> Networks:
        folder = find_folder(self._weights)
        folder.require_engine()
        known = self._networks
        if known is None or known.folder != folder or known.device != device:
            self._networks = known = Networks(folder, device, self._cache)
        self.version = (
            f"{DESCRIPTION.version} (synthetic-weights test)"
            if known.synthetic
            else DESCRIPTION.version
        )
        return known

    def _caches(self) -> Path:
        return self._cache or cache_folder()


@dataclass(frozen=True)
class _Preparation:
    """The preparation of one portrait."""

    networks: Networks
    cache: Path
    photo: Photo
    settings: EngineSettings

    @property
    def options(self) -> StyleHeatOptions:
        """The engine's own options."""
        return self.settings.engine_options(StyleHeatOptions)

    def run(self, progress: ProgressReport, cancelled: CancelCheck) -> StyleHeatPortrait:
        def step(text: str, share: float) -> None:
            if cancelled():
                raise Cancelled("preparing the portrait was cancelled")
            progress(text, share)

        photo, networks = self.photo, self.networks
        step("finding the face", 0.0)
        faces = make_detector(self.settings.detector).detect(photo.pixels)
        face = choose_face(faces, self.settings.face, photo.name)
        landmarks = landmarks_68(face.points[:, :2])
        crop = crop_portrait(photo.pixels, landmarks)
        step("reading the Basel Face Model", 0.05)
        basel = networks.folder.place(find_file("BFM"))
        expressions = cached_expression_map(basel, self.cache)
        standard = five_points(read_standard_head(basel))
        step("measuring the face", 0.15)
        vector = self._vector(crop, standard)
        step("loading the networks", 0.2)
        networks.driving()
        monitor = InversionMonitor(
            lambda text, share: step(text, 0.3 + 0.5 * share),
            cancelled,
            _progress_image_report(progress),
        )
        method, digest = self.options.inversion, self.photo.digest
        inverter = PortraitInverter(networks, self.cache, method, digest)
        inversion = inverter.invert(crop.pixels, inverter.key(crop.pixels), monitor)
        monitor.show(inversion.ix)
        step("drawing the portrait at rest", 0.85)
        pivot = expressions.pivot.astype(np.float64)
        mapper = CoefficientMapper(
            HeadMotion(vector, standard, pivot, expressions.unit), expressions
        )
        portrait = self._portrait(crop, landmarks, inverter, inversion, mapper)
        step("ready", 1.0)
        return portrait

    def _portrait(
        self,
        crop: PortraitCrop,
        landmarks: NDArray[np.float64],
        inverter: PortraitInverter,
        inversion: Inversion,
        mapper: CoefficientMapper,
    ) -> StyleHeatPortrait:
        """Assemble driver, editing and compositing of the portrait."""
        photo, networks = self.photo, self.networks
        edits = find_edits(networks.folder)
        editor = PhotoEditor(photo.pixels, landmarks, self._warp_portrait(crop))
        original = EditedPhoto(photo.pixels, crop.pixels)
        inversions = InversionCache(inverter, original, inversion, editor, edits, crop.landmarks)
        editable = EditablePortrait(networks, inversions.at, self.options.inversion, edits)
        driver = NetworkDriver(editable.prepared, networks.device, half=networks.device == "cuda")
        pastes = self._pastes(crop, driver, mapper, inversions)
        seconds = inverter.seconds(inverter.key(crop.pixels))
        editing = Editing(
            edits.names,
            self.options.keep_identity,
            seconds,
            pastes,
            inversions.set_cancel_check,
            lambda: editor.notes,
        )
        notes = (*photo.notes, *crop.notes, *edits.problems, *unrepresented(mapper.expressions))
        if networks.synthetic:
            notes = (SYNTHETIC_NOTE, *notes)
        return StyleHeatPortrait(driver, mapper, pastes(NOTHING), notes, editing)

    def _vector(self, crop: PortraitCrop, standard: NDArray[np.float64]) -> NDArray[np.float32]:
        """Measure the photo's own 73-vector on the aligned crop."""
        factor = PICTURE_SIZE / SIZE
        small = cut(resized_to_256(crop.pixels), (crop.landmarks + 0.5) * factor - 0.5, standard)
        picture = torch.from_numpy(small.pixels.copy()).permute(2, 0, 1)[None]
        network = self.networks.module("deep3d_recon")
        with torch.no_grad():
            coefficients = network(picture.to(self.networks.device).float() / 255.0)
        vector = paper_motion.assemble(coefficients.cpu().numpy(), small.transform[None])[0]
        if not np.isfinite(vector).all():
            raise BadInput(
                "the reconstruction network gives no numbers for this photo: check the weights "
                "with `heat weights verify`"
            )
        if self.settings.neutralise:
            vector[paper_motion.EXPRESSION] = 0.0
        return vector

    def _warp_portrait(self, crop: PortraitCrop) -> Callable[[], Portrait]:
        """Return what prepares the photo for its edits, no larger than the crop shows it."""
        longest = max(self.photo.pixels.shape[:2])
        factor = min(1.0, SIZE / crop.photo_side)
        size = None if factor == 1.0 else max(16, round(factor * longest))
        settings = replace(self.settings, size=size, neutralise=False, options=None)

        def prepare() -> Portrait:
            return make_engine(DEFAULT_ENGINE).prepare(self.photo, settings, _no_progress, never)

        return prepare

    def _pastes(
        self,
        crop: PortraitCrop,
        driver: NetworkDriver,
        mapper: CoefficientMapper,
        inversions: InversionCache,
    ) -> EditedPastes:
        """Prepare compositing of crops, at the size of the frames."""
        shape = self.photo.pixels.shape
        factor = 1.0
        if self.settings.size is not None:
            factor = self.settings.size / max(shape[:2])
        to_photo = crop.for_photo_scaled(factor)
        size = (max(1, round(shape[1] * factor)), max(1, round(shape[0] * factor)))
        interpolation = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_CUBIC

        def make(edits: Amounts) -> PasteBack:
            photo = inversions.photo(edits)
            pixels = photo.pixels
            if factor != 1.0:
                pixels = np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)
            window = constant_window(mapper.motion.vector)
            frame_edits = FrameEdits(before=edits, after=edits)
            at_rest = driver.picture(driver.descriptors(window[None])[0], frame_edits)
            return paste_back(np.ascontiguousarray(pixels), to_photo, photo.crop, at_rest)

        return EditedPastes(make(()), make)


def _progress_image_report(progress: ProgressReport) -> Callable[[torch.Tensor], None] | None:
    """Return what reports a reconstruction (1, 3, H, W) as a progress image, if anything does."""
    take = progress_image_taker(progress)
    return None if take is None else lambda image: take(image_to_uint8(image))


def _no_progress(text: str, share: float) -> None:
    """Ignore progress."""


def unrepresented(expressions: ExpressionMap) -> tuple[str, ...]:
    """Describe the expressions that the Basel basis cannot represent."""
    names = [name for name, share, _ in expressions.report() if share > MAX_RESIDUAL]
    if not names:
        return ()
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return (f"this engine hardly shows {', '.join(names[:MAX_LISTED])}{more}",)
