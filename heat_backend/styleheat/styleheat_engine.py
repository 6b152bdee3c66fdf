# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``styleheat`` engine: align, invert, measure the face, then drive it by the networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from bridge.errors import BadInput, Cancelled
from heat_backend.detect import choose_face, make_detector
from heat_backend.device import chosen_device
from heat_backend.engine import CancelCheck, EngineSettings, Photo, ProgressReport, sketch_taker
from heat_backend.styleheat import inversion, paper_vector
from heat_backend.styleheat.bfm.basel import read_standard_head
from heat_backend.styleheat.bfm.expression_map import ExpressionMap, cached_expression_map
from heat_backend.styleheat.bfm.head_pose import HeadMotion
from heat_backend.styleheat.deep3d_crop import PICTURE_SIZE, cut, five_points
from heat_backend.styleheat.directions import find_edits
from heat_backend.styleheat.drive import NetworkDriver
from heat_backend.styleheat.editable import EditablePortrait
from heat_backend.styleheat.frame_window import still_window
from heat_backend.styleheat.hfgi import Inversion
from heat_backend.styleheat.inversion import Watch
from heat_backend.styleheat.inversion_cache import inversion_key, keep_inversion, read_inversion
from heat_backend.styleheat.landmarks68 import sixty_eight
from heat_backend.styleheat.loaded import Networks
from heat_backend.styleheat.memory import told_when_short
from heat_backend.styleheat.paste_back import paste_back
from heat_backend.styleheat.portrait import Puppet, StyleHeatPortrait
from heat_backend.styleheat.portrait_crop import SIZE, PortraitCrop, crop_portrait
from heat_backend.styleheat.weight_cache import cache_folder
from heat_backend.styleheat.weights.catalogue import find_file
from heat_backend.styleheat.weights.folder import find_folder

VERSION = "1"
LOST = 0.7  # share of an expression's motion without which it counts as not shown
MOST_NAMED = 6
SYNTHETIC_NOTE = (
    "SYNTHETIC-WEIGHTS TEST: the weights are made up, the picture means nothing; "
    "for results, run `heat weights fetch`"
)


class StyleHeatEngine:
    """See :class:`heat_backend.engine.Engine`."""

    name = "styleheat"

    def __init__(self, weights: Path | None = None, cache: Path | None = None) -> None:
        self.version = VERSION
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
        inversion.check_method(settings.inversion)
        networks = self._loaded(chosen_device(settings.device))
        with told_when_short(networks.device):
            return _Preparation(networks, self._caches(), photo, settings).run(progress, cancelled)

    def _loaded(self, device: str) -> Networks:
        folder = find_folder(self._weights)
        folder.require_engine()
        known = self._networks
        if known is None or known.folder != folder or known.device != device:
            self._networks = known = Networks(folder, device, self._cache)
        self.version = f"{VERSION} (synthetic-weights test)" if known.synthetic else VERSION
        return known

    def _caches(self) -> Path:
        return self._cache or cache_folder()


def create() -> StyleHeatEngine:
    """Make the engine."""
    return StyleHeatEngine()


@dataclass(frozen=True)
class _Preparation:
    """One portrait on its way."""

    networks: Networks
    cache: Path
    photo: Photo
    settings: EngineSettings

    def run(self, progress: ProgressReport, cancelled: CancelCheck) -> StyleHeatPortrait:
        def step(text: str, share: float) -> None:
            if cancelled():
                raise Cancelled("preparing the portrait was cancelled")
            progress(text, share)

        settings, photo = self.settings, self.photo
        step("finding the face", 0.0)
        faces = make_detector(settings.detector).detect(photo.pixels)
        face = choose_face(faces, settings.face, photo.name)
        crop = crop_portrait(photo.pixels, sixty_eight(face.points[:, :2]))
        step("reading the Basel Face Model", 0.05)
        basel = self.networks.folder.place(find_file("BFM"))
        expressions = cached_expression_map(basel, self.cache)
        standard = five_points(read_standard_head(basel))
        step("measuring the face", 0.15)
        vector = self._vector(crop, standard)
        step("loading the networks", 0.2)
        self.networks.driving()
        take = sketch_taker(progress)

        def show(image: torch.Tensor) -> None:
            if take is not None:
                take(as_bytes(image))

        watch = Watch(lambda text, share: step(text, 0.3 + 0.5 * share), cancelled, show)
        found = self._inversion(crop, watch)
        show(found.ix)
        step("drawing the portrait at rest", 0.85)
        edits = find_edits(self.networks.folder)
        picture = as_tensor(reduced(crop.pixels), "cpu")
        editable = EditablePortrait(self.networks, found, picture, settings.inversion, edits)
        device = self.networks.device
        driver = NetworkDriver(editable.prepared, device, half=device == "cuda")
        pivot = expressions.pivot.astype(np.float64)
        puppet = Puppet(HeadMotion(vector, standard, pivot, expressions.unit), expressions)
        portrait = self._pasted(crop, driver, puppet, edits.problems)
        step("ready", 1.0)
        return portrait

    def _vector(self, crop: PortraitCrop, standard: NDArray[np.float64]) -> NDArray[np.float32]:
        """Measure the photo's own 73-vector on the aligned crop."""
        factor = PICTURE_SIZE / SIZE
        small = cut(reduced(crop.pixels), (crop.landmarks + 0.5) * factor - 0.5, standard)
        picture = torch.from_numpy(small.pixels.copy()).permute(2, 0, 1)[None]
        network = self.networks.module("deep3d_recon")
        with torch.no_grad():
            found = network(picture.to(self.networks.device).float() / 255.0)
        vector = paper_vector.assemble(found.cpu().numpy(), small.transform[None])[0]
        if not np.isfinite(vector).all():
            raise BadInput(
                "the reconstruction network gives no numbers for this photo: check the weights "
                "with `heat weights verify`"
            )
        if self.settings.neutralise:
            vector[paper_vector.EXPRESSION] = 0.0
        return vector

    def _inversion(self, crop: PortraitCrop, watch: Watch) -> Inversion:
        method = self.settings.inversion
        key = inversion_key(crop.pixels, self.networks.inverting_identity, method)
        kept = read_inversion(self.cache, key)
        if kept is not None:
            watch.step("the portrait's inversion is at hand", 1.0)
            return kept
        watch.step("loading the encoders", 0.0)
        inverter = self.networks.inverter()
        small = as_tensor(reduced(crop.pixels), self.networks.device)
        if method == inversion.COARSE:
            found = inversion.coarse(inverter, small, watch)
        else:
            found = inversion.encode(inverter, small, watch)
        generator = inverter.generator
        del inverter
        if method == inversion.OPTIMIZE:
            target = as_tensor(crop.pixels, self.networks.device)
            judge = self.networks.judge()
            found = inversion.optimize(generator, found, target, judge, watch)
        keep_inversion(self.cache, key, found)
        return found

    def _pasted(
        self,
        crop: PortraitCrop,
        driver: NetworkDriver,
        puppet: Puppet,
        problems: tuple[str, ...],
    ) -> StyleHeatPortrait:
        pixels = self.photo.pixels
        factor = 1.0
        if self.settings.size is not None:
            factor = self.settings.size / max(pixels.shape[:2])
        if factor != 1.0:
            size = tuple(max(1, round(side * factor)) for side in pixels.shape[1::-1])
            way = cv2.INTER_AREA if factor < 1.0 else cv2.INTER_CUBIC
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)
        window = still_window(puppet.motion.vector)
        at_rest = driver.picture(driver.descriptors(window[None])[0])
        paste = paste_back(
            np.ascontiguousarray(pixels), crop.for_photo_scaled(factor), crop.pixels, at_rest
        )
        notes = (*self.photo.notes, *crop.notes, *problems, *_unshown(puppet.expressions))
        if self.networks.synthetic:
            notes = (SYNTHETIC_NOTE, *notes)
        return StyleHeatPortrait(driver, puppet, paste, notes)


def reduced(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring the crop (1024, 1024, 3) to the 256 px that encoders and reconstruction look at."""
    picture = Image.fromarray(crop).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def as_bytes(image: torch.Tensor) -> NDArray[np.uint8]:
    """Turn a picture (1, 3, H, W), -1 to 1, into bytes (H, W, 3), rounded down as published."""
    whole = (image[0].detach().clamp(-1.0, 1.0) + 1.0) * 127.5
    return whole.to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def _unshown(expressions: ExpressionMap) -> tuple[str, ...]:
    """Tell which expressions the Basel model's basis cannot show."""
    names = [name for name, share, _ in expressions.report() if share > LOST]
    if not names:
        return ()
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return (f"this engine hardly shows {', '.join(names[:MOST_NAMED])}{more}",)


def as_tensor(picture: NDArray[np.uint8], device: str) -> torch.Tensor:
    """Turn bytes (H, W, 3) into (1, 3, H, W), -1 to 1."""
    placed = torch.from_numpy(np.array(picture)).to(device)
    return placed.permute(2, 0, 1)[None].float() / 127.5 - 1.0
