# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the editor of a portrait that is being prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import FaceModel
from bridge.face_model import load as load_model
from heat_backend.edits.colours import (
    LEAST_TEETH,
    ColourBase,
    ColourEditor,
    iris_mask,
    laid_out,
    mouth_teeth,
    own_teeth,
)
from heat_backend.edits.editor import Edited, Editor
from heat_backend.edits.light import (
    STEP,
    LitHead,
    fade_from_head,
    fit_light,
    lit_share,
    photo_normals,
)
from heat_backend.edits.regions import find_regions
from heat_backend.edits.repaint import canvas, lid_canvas
from heat_backend.edits.shape import Shaped, ShapeEditor
from heat_backend.edits.skin_and_hair import unevenness
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.face_landmarks import FaceLandmarks
from heat_backend.geometry.landmark_contours import LIPS_OUTER
from heat_backend.geometry.polygon_mask import polygon_area
from heat_backend.layers.eyeballs import EyeLayer
from heat_backend.layers.matting_layers import MattingLayers
from heat_backend.layers.mirror_texture import MirrorTexture, mirror_image

if TYPE_CHECKING:
    from heat_backend.layers.portrait_layers import Layers

REGIONS = ("complexion", "lips", "brows", "under_eye", "blush", "hair")
LEAST_REGION = 0.002  # square outer-eye distances
CORE = 0.8  # of a mask: whose colours count as the region's
LID_SHADE = 0.08  # eye widths within the lids that their shadow lies on
PARTED = 0.02  # outer-eye distances between lips that show what is behind them
SHUT_BELOW = 0.06  # height over width of an eye's opening


def make_editor(
    model: FaceModel,
    posed: PosedModel,
    face: FaceLandmarks,
    alpha: NDArray[np.float32],
    layers: Layers,
    far: MirrorTexture | None,
) -> Editor:
    """Make it; nothing is computed before the first edit.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    face : FaceLandmarks
        In the photo at the frames' size.
    alpha : ndarray, shape (H, W), float32
        Matte of the person.
    layers : Layers
    far : MirrorTexture or None
        What the person's picture holds below the photo.
    """
    own = Shaped(layers.mesh, layers.mouth, layers.eyes, layers.landmarks)
    shape = ShapeEditor(model, posed, own)

    def colours() -> ColourEditor:
        return ColourEditor(_colour_base(model, posed, face, alpha, layers, far))

    return Editor(shape, colours, Edited(own, layers.matting.foreground, layers.lids, None))


def _colour_base(
    model: FaceModel,
    posed: PosedModel,
    face: FaceLandmarks,
    alpha: NDArray[np.float32],
    layers: Layers,
    far: MirrorTexture | None,
) -> ColourBase:
    photo, matting = layers.photo, layers.matting
    regions = find_regions(photo, alpha, face, model, posed)
    layout = foreground_layout(posed, matting, photo.shape, far)
    normals, known = photo_normals(model, posed, photo.shape)
    light = fit_light(photo, normals, regions["skin"])
    head = LitHead(light, normals, fade_from_head(known, posed.unit))
    means = {
        name: photo[mask > CORE * mask.max()].mean(axis=0)
        for name, mask in regions.items()
        if mask.sum() > LEAST_REGION * posed.unit**2
    }
    own = layers.mouth.photographed
    parted = np.hypot(*(face.points[13, :2] - face.points[14, :2])) > PARTED * posed.unit
    seen = own_teeth(own.photo) if own is not None and parted else None
    if own is not None and seen is not None and seen.sum() > LEAST_TEETH:
        means["teeth"] = np.average(own.photo.reshape(-1, 3), axis=0, weights=seen.ravel())
    lips = face.points[LIPS_OUTER, :2].mean(axis=0)
    even = unevenness(photo, regions["skin"], posed.unit)
    irises = {side: iris_mask(eye) for side, eye in layers.eyes.items()}
    for side, eye in layers.eyes.items():
        shown = _seen_iris(photo, eye, layers.mesh.eyes[side].outline(layers.mesh.pixels))
        iris = shown if len(shown) else eye.clean[irises[side] > CORE]
        if len(iris):
            means[f"iris {side}"] = iris.mean(axis=0)
    masks = [np.rint(255.0 * regions[name]).astype(np.uint8) for name in REGIONS]
    return ColourBase(
        person=matting.foreground,
        photo=photo,
        pad=matting.pad,
        regions=REGIONS,
        canvas=canvas(
            matting.foreground,
            np.stack([laid_out(mask, layout) for mask in masks]),
            laid_out(even.astype(np.float32), layout).astype(np.int8),
            lit_share(matting.foreground, matting.background, matting.pad),
            layout / np.float32(STEP),
            photo.shape[0] + 2 * matting.pad,
        ),
        lids={side: lid_canvas(lid, masks, even) for side, lid in layers.lids.items()},
        means=means,
        heads=(head,) if far is None else (head, head.mirrored(posed.rotation)),
        irises=irises,
        teeth=mouth_teeth(layers.mouth),
        own_teeth=seen if "teeth" in means else None,
        mouth_at=(float(lips[0]), float(lips[1])),
        shut=max(_openness(layers, side) for side in layers.eyes) < SHUT_BELOW,
    )


def _seen_iris(
    photo: NDArray[np.uint8], eye: EyeLayer, outline: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Return the pixels (N, 3) of an iris that the lids leave to see."""
    opening = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.rint(outline).astype(np.int32)], 1)
    reach = 2 * max(1, round(LID_SHADE * eye.width_px)) + 1
    open_ = cv2.erode(opening, np.ones((reach, reach), np.uint8)) > 0
    y, x = np.ogrid[0 : photo.shape[0], 0 : photo.shape[1]]
    away = np.hypot(x - eye.iris_px[0], y - eye.iris_px[1])
    return np.asarray(photo[open_ & (away < CORE * eye.iris_radius_px)])


def _openness(layers: Layers, side: str) -> float:
    """Height over width of one eye's opening in the photo."""
    outline = layers.mesh.eyes[side].outline(layers.mesh.pixels)
    width = max(float(np.ptp(outline[:, 0])), 1.0)
    return polygon_area(outline) / width**2


def foreground_layout(
    posed: PosedModel, matting: MattingLayers, shape: tuple[int, ...], far: MirrorTexture | None
) -> NDArray[np.float32]:
    """Where in the photo each pixel of the person's picture comes from, (H', W', 2).

    Beyond the photo's borders it is mirrored, save below, where its last row goes on. Under all
    that lies the far side's skin, laid out like the near side seen in a mirror.
    """
    rows, columns = matting.foreground.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x, y = x - matting.pad, y - matting.pad
    y[: shape[0] + 2 * matting.pad] = np.minimum(y[: shape[0] + 2 * matting.pad], shape[0] - 1.0)
    if far is not None:
        top = shape[0] + 2 * matting.pad
        twin = posed.pixels[mirror_image(load_model())[far.vertices]] * (-1.0, 1.0)
        corner = np.median(twin - far.places, axis=0)  # from the picture's places to the mirror's
        x[top:] = -(x[top:] + np.float32(corner[0]))
        y[top:] += np.float32(corner[1])
    return np.ascontiguousarray(np.dstack([x, y]))
