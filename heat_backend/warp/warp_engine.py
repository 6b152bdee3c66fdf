# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``warp`` engine: all that is computed once per photo, from its face to its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from bridge.errors import Cancelled
from bridge.face_model import load as load_model
from heat_backend.detect.detector import Detector, choose_face, make_detector
from heat_backend.edits.editor import make_editor
from heat_backend.edits.portrait_directions import PortraitDirections, Track
from heat_backend.engines.device import chosen_device
from heat_backend.engines.protocol import CancelCheck, EngineSettings, ProgressReport
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.eyelids import fit_blinks
from heat_backend.fit.glasses import find_frame, hold_frame
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.fit.lip_edges import align_lips_to_edges
from heat_backend.fit.posed_model import fit_notes, lay_on_photo
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.layers.matte import find_loose_hair, foreground_matte
from heat_backend.layers.matting_layers import separate_layers
from heat_backend.layers.mirror_texture import mirror_texture
from heat_backend.layers.portrait_layers import assemble_layers, resized
from heat_backend.layers.portrait_mesh import build_portrait_mesh
from heat_backend.layers.stylised_eyes import correct_stylised_eyes
from heat_backend.media.photo import Photo
from heat_backend.warp.control_calibration import by_identity, calibrate_controls, frame_tracker
from heat_backend.warp.description import DESCRIPTION
from heat_backend.warp.portrait import WarpPortrait

PAD_SHARE = 0.2  # of the long side: how far the photo is continued over its border
CHIN = 152  # FaceMesh's lowest landmark
MEASURED_FACE = 700.0  # pixels: the largest face at which shape edits are tried
QUICK_DETECTORS = ("mediapipe",)  # those that track some twenty frames within a second


class WarpEngine:
    """See :class:`heat_backend.engines.protocol.Engine`.

    Parameters
    ----------
    corrections : Corrections
        Which per-portrait corrections are made: all, but for tests and measures.
    """

    name = DESCRIPTION.name
    version = DESCRIPTION.version

    def __init__(self, corrections: Corrections = ALL_CORRECTIONS) -> None:
        self.corrections = corrections

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: ProgressReport,
        cancelled: CancelCheck,
    ) -> WarpPortrait:
        """Do all per-portrait work; see the protocol for what it raises."""

        def step(text: str, share: float) -> None:
            if cancelled():
                raise Cancelled("preparing the portrait was cancelled")
            progress(text, share)

        step("finding the face", 0.0)
        detector = make_detector(settings.detector)
        faces = detector.detect(photo.pixels)
        found = choose_face(faces, settings.face, photo.name)
        settings = replace(settings, device=chosen_device(settings.device))
        portrait, face = build_portrait(photo, found, settings, step, self.corrections)
        if settings.detector in QUICK_DETECTORS:
            step("measuring how the face responds", 0.9)
            portrait.calibration = calibrate_controls(portrait, detector, face, self.corrections)
            if portrait.editor is not None and self.corrections.edit_directions:
                track = partial(
                    _identity_tracker, photo, found, settings, detector, self.corrections
                )
                portrait.editor.directions = PortraitDirections(track)
        step("ready", 1.0)
        return portrait


def build_portrait(
    photo: Photo,
    found: FaceLandmarks,
    settings: EngineSettings,
    step: Callable[[str, float], None],
    corrections: Corrections = ALL_CORRECTIONS,
    matte: NDArray[np.float32] | None = None,
) -> tuple[WarpPortrait, FaceLandmarks]:
    """Build the portrait of one face of a photo, uncalibrated, and the face at the frames' size.

    ``settings.device`` is ``"cpu"`` or ``"cuda"``. The matte (H, W), 0..1, is computed where none
    is given.
    """
    pixels, face = resized(photo.pixels, found, settings.size)
    if corrections.stylised_eyes:
        face = correct_stylised_eyes(pixels, face)
    model = load_model()
    step("fitting the face model", 0.2)
    fit = fit_face(model, face, corrections)
    lips = align_lips_to_edges(pixels, face) if corrections.lip_edges else face
    posed = lay_on_photo(model, fit, lips, settings.neutralise, corrections)
    fit_blinks(model, posed, settings.neutralise, corrections)
    frame = find_frame(pixels, face) if corrections.glasses else None
    if frame is not None:
        hold_frame(model, posed, frame)
    step("cutting out the head", 0.4)
    pad = int(PAD_SHARE * max(pixels.shape[:2]))
    if matte is None:
        matte = foreground_matte(pixels, face.box)
    alpha = matte
    if corrections.loose_hair:
        alpha = np.maximum(matte, find_loose_hair(pixels, matte, face.box[3]))
    step("filling the background", 0.6)
    below = len(pixels) - 1 - float(face.points[:, 1].max())
    matting = separate_layers(pixels, alpha, pad, below, corrections)
    step("building the layers", 0.8)
    far = None
    if corrections.mirror_texture:
        matting, far = mirror_texture(model, posed, pixels, alpha, matting)
    mesh = build_portrait_mesh(model, posed, alpha, face.points[CHIN, :2], pad, far, corrections)
    layers = assemble_layers(pixels, face, model, posed, matting, mesh, frame, corrections)
    portrait = WarpPortrait(
        layers,
        photo.notes + fit_notes(posed, face),
        settings.neutralise,
        settings.device,
        make_editor(model, posed, face, matte, layers, far, corrections),
        corrections,
    )
    portrait.render(Coefficients.zero())
    return portrait, face


def _identity_tracker(
    photo: Photo,
    found: FaceLandmarks,
    settings: EngineSettings,
    detector: Detector,
    corrections: Corrections,
) -> Track:
    """Make a small portrait to try shape edits on, the same whatever size the frames have."""
    long_side = max(photo.pixels.shape[:2])
    size = round(long_side * min(1.0, MEASURED_FACE / found.size))
    small = replace(settings, size=max(size, 1), device="cpu")
    portrait, face = build_portrait(photo, found, small, lambda *_: None, corrections)
    return by_identity(frame_tracker(portrait, detector, face))
