# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the face model and the light to one photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from bridge.face_model import PART_NAMES, FaceModel, landmarks, shape
from bridge.face_model import load as load_model
from bridge.pose import rotation_angles
from heat_backend.detect.detector import choose_face, make_detector
from heat_backend.edits.head_surface import head_surface
from heat_backend.edits.light import (
    GAMMA,
    LIGHT_CELL,
    Light,
    fade_from_head,
    fit_light,
    photo_normals,
)
from heat_backend.edits.regions import find_regions
from heat_backend.engines.protocol import EngineSettings
from heat_backend.fit.landmark_fit import FaceFit, fit_face
from heat_backend.fit.lip_edges import align_lips_to_edges
from heat_backend.fit.posed_model import PosedModel, lay_on_photo
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.layers.matte import foreground_matte
from heat_backend.layers.portrait_layers import resized
from heat_backend.layers.stylised_eyes import correct_stylised_eyes
from heat_backend.media.photo import Photo


@dataclass(frozen=True)
class PhotoFit:
    """All that is fitted to one photo.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    face : FaceLandmarks
    fit : FaceFit
    posed : PosedModel
    light : Light
    base : ndarray, shape (H, W, 3), uint8
        The photo with its light taken away: the skin's own colours.
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    regions : dict of str to ndarray, shape (H, W), float32
        See :func:`heat_backend.edits.regions.find_regions`.
    normals, near_head : ndarray, shape (h, w, 3), (h, w)
        Over the photo, one for ``LIGHT_CELL`` pixels; 1 where they are the head's.
    """

    pixels: NDArray[np.uint8]
    face: FaceLandmarks
    fit: FaceFit
    posed: PosedModel
    light: Light
    base: NDArray[np.uint8]
    alpha: NDArray[np.float32]
    regions: dict[str, NDArray[np.float32]]
    normals: NDArray[np.float32]
    near_head: NDArray[np.float32]


def fit_photo(
    photo: Photo, settings: EngineSettings, progress: Callable[[str, float], None]
) -> PhotoFit:
    """Fit the face model and the light.

    Parameters
    ----------
    photo : Photo
    settings : EngineSettings
    progress : callable (what, 0..1)
        Called before each step; it may raise to stop.

    Raises
    ------
    bridge.errors.BadInput
        When no usable face is in the photo.
    """
    progress("finding the face", 0.0)
    faces = make_detector(settings.detector).detect(photo.pixels)
    found = choose_face(faces, settings.face, photo.name)
    pixels, face = resized(photo.pixels, found, settings.size)
    face = correct_stylised_eyes(pixels, face)
    model = load_model()
    progress("fitting the face", 0.2)
    fit = fit_face(model, face)
    posed = lay_on_photo(model, fit, align_lips_to_edges(pixels, face))
    progress("telling skin from hair", 0.5)
    alpha = foreground_matte(pixels, face.box)
    regions = find_regions(pixels, alpha, face, model, posed)
    progress("fitting the light", 0.8)
    normals, known = photo_normals(model, posed, pixels.shape)
    light = fit_light(pixels, normals, regions["skin"])
    near_head = fade_from_head(known, posed.unit)
    base = unlit(pixels, light, normals, near_head)
    return PhotoFit(pixels, face, fit, posed, light, base, alpha, regions, normals, near_head)


def unlit(
    pixels: NDArray[np.uint8],
    light: Light,
    normals: NDArray[np.float32],
    near_head: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Divide the photo (H, W, 3) by its light on the head; the mean light stays."""
    shade = light.shade(normals)
    change = (light.level / shade) ** np.float32(1.0 / GAMMA)
    change = 1.0 + near_head * (change - 1.0)
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height) / LIGHT_CELL, np.arange(width) / LIGHT_CELL
    y, x = rows.astype(int), columns.astype(int)
    fy, fx = (rows - y)[:, None], (columns - x)[None]
    top = change[y][:, x] * (1 - fx) + change[y][:, x + 1] * fx
    low = change[y + 1][:, x] * (1 - fx) + change[y + 1][:, x + 1] * fx
    factor = top + fy * (low - top)
    return np.rint(np.clip(pixels * factor[..., None], 0, 255)).astype(np.uint8)


def file_fields(found: PhotoFit, name: str, model: FaceModel) -> dict[str, NDArray]:
    """Return the fields of the fit's file; see :func:`bridge.fit_file.to_bytes`.

    Parameters
    ----------
    found : PhotoFit
    name : str
        The photo's name.
    model : FaceModel
    """
    fit, posed = found.fit, found.posed
    surface = head_surface(model, posed, fit.identity, found.face.points, found.pixels, found.alpha)
    plain = shape(model, fit.identity, fit.expression)
    own = (posed.rest @ fit.rotation).astype(np.float32)
    residual = own - plain
    height, width = found.pixels.shape[:2]
    places = landmarks(model, posed.pixels)
    missed = places - found.face.points[:468, :2]
    return {
        "portrait": np.array(name),
        "size": np.array((width, height)),
        "identity": fit.identity.astype(np.float32),
        "expression_names": np.array(EXPRESSION_NAMES),
        "expression": fit.expression.astype(np.float32),
        "rotation": np.asarray(rotation_angles(fit.rotation), np.float32),
        "camera_scale": np.array(fit.camera.scale, np.float32),
        "camera_center": np.array(fit.camera.center, np.float32),
        "camera_distance": np.array(fit.camera.distance, np.float32),
        "vertices": surface.vertices,
        "neutral": (shape(model, fit.identity, np.zeros(52)) + residual).astype(np.float32),
        "residual": residual.astype(np.float32),
        "triangles": model.triangles,
        "shapes": surface.shapes.astype(np.float16),
        "uv": surface.uv,
        "seen": surface.seen,
        "colour": surface.colour,
        "part": model.vertex_part,
        "part_names": np.array(PART_NAMES),
        "photo": found.pixels,
        "texture": found.base,
        "light_harmonics": found.light.coefficients.astype(np.float32),
        "light_direction": found.light.direction.astype(np.float32),
        "light_strength": np.array(found.light.strength, np.float32),
        "light_ambient": np.array(found.light.ambient, np.float32),
        "landmark_error": np.array(fit.error, np.float32),
        "landmark_residual": missed.astype(np.float32),
    }
