# SPDX-License-Identifier: GPL-3.0-or-later
"""Correction for turned faces: mirror texture completion of the side that the photo hardly shows.

For: faces turned aside in the photo. The near side is mirrored, its light matched to what the photo
shows of the far side, and both are cross-faded where the far side turns away from the camera. The
result is a texture of its own, appended below the foreground layer, so that a frame fetches it like
any other place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.face_model import PART_NAMES, FaceModel
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import vertex_normals
from heat_backend.geometry.rasterizer import FAR, depth_buffer, raster_attributes
from heat_backend.layers.inpainting import pull_push
from heat_backend.layers.matting_layers import MattingLayers

# By eye on turned test portraits.
LEAST_TURN = np.radians(6.0)  # of the head: less hides nothing
GRAZING = (0.14, 0.42)  # facing (cosine) at which the photo's own skin is no, and all, good
SAFE_INSIDE = 0.02  # outer-eye distances from the outline to skin that is surely skin
LIGHT_REACH = 0.10  # outer-eye distances over which light is compared
LEAST_LIGHT, MOST_LIGHT = 0.45, 2.2  # factors on the mirrored skin's light
DARK = 12.0  # 0..255; added to both sides so that black hair does not decide about the light
PAST_MIDDLE = 0.3  # outer-eye distances onto the near side that the texture reaches
FADE = 0.16  # outer-eye distances over which the photo's own skin gives way
ENOUGH_OWN = 0.97  # share of its own skin from which a place needs no texture
MARGIN = 6  # pixels around the texture
EAR_FOLD = 0.26  # outer-eye distances: hidden places closer than this to shown ones count as shown
HAIR_BESIDE = 0.3  # outer-eye distances beyond the face's outline: there the photo shows hair
LOBE = -0.12  # height of the ears' lobes in the model: below is the neck, which the sheet has
OPENING_REACH = 0.08  # outer-eye distances from lids and lips, where the photo's own stays


@dataclass(frozen=True)
class MirrorTexture:
    """The far side's mesh and where it finds its colour.

    Attributes
    ----------
    vertices : ndarray of int, shape (M,)
        Vertices of the face model.
    triangles : ndarray, shape (A, 3)
        Counting from 0 at the first of the M.
    replaced : ndarray of bool, shape (F,)
        Which triangles of the face the first of these are; the others are temple and ear.
    places : ndarray, shape (M, 2)
        Pixels of the photo's frame, below the foreground layer.
    side : float
        Where the face looks in the photo: 1 to image right, -1 to image left.
    """

    vertices: NDArray[np.intp]
    triangles: NDArray[np.intp]
    replaced: NDArray[np.bool_]
    places: NDArray[np.float64]
    side: float


def mirror_texture(
    model: FaceModel,
    posed: PosedModel,
    pixels: NDArray[np.uint8],
    alpha: NDArray[np.float32],
    matting: MattingLayers,
) -> tuple[MattingLayers, MirrorTexture | None]:
    """Add a texture for the far side of the face, mirrored from the near side, to the matting.

    For: faces turned aside by more than 6 degrees in the photo.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    pixels : ndarray, shape (H, W, 3), uint8
    alpha : ndarray, shape (H, W), float32
        Matte.
    matting : MattingLayers

    Returns
    -------
    MattingLayers, MirrorTexture or None
        None, and the matting as it was, for a face that looks at the camera.
    """
    sideways = float(posed.rotation[0, 2])
    if abs(sideways) < np.sin(LEAST_TURN):
        return matting, None
    side = float(np.sign(sideways))
    face = model.triangles[model.triangle_part == PART_NAMES.index("face")]
    across = model.vertices[face, 0].mean(axis=1) * side
    half = across > -PAST_MIDDLE
    twin = mirror_image(model)
    mirrored = posed.pixels[twin] * (-1.0, 1.0)
    beside = _beside_face(model, posed, alpha, twin, side)
    of_half = np.unique(np.concatenate([face[half], beside]))
    corner = np.floor(mirrored[of_half].min(axis=0)) - MARGIN
    size = np.ceil(mirrored[of_half].max(axis=0) - corner).astype(int) + MARGIN
    layout = mirrored - corner
    photo = _with_certainty(pixels, alpha, posed.unit)
    near = _near_side(photo, corner, size)
    own, share = _own_side(model, posed, face[half], layout, photo, size)
    texture = _blend(own, near, share, posed.unit)
    at = np.clip(np.rint(layout[of_half]).astype(int), 0, size - 1)
    whole = np.zeros(len(model.vertices), bool)
    whole[of_half] = share[at[:, 1], at[:, 0]] > ENOUGH_OWN
    apart, _ = cKDTree(posed.pixels[_borders(model)]).query(posed.pixels[face].mean(axis=1))
    replaced = (across > 0.0) & ~whole[face].all(axis=1) & (apart > OPENING_REACH * posed.unit)
    drawn = np.concatenate([face[replaced], beside])
    vertices, corners = np.unique(drawn, return_inverse=True)
    places = layout[vertices] + (-matting.pad, matting.foreground.shape[0] - matting.pad)
    extended = replace(matting, foreground=_appended(matting.foreground, texture))
    return extended, MirrorTexture(vertices, corners.reshape(-1, 3), replaced, places, side)


def _beside_face(
    model: FaceModel,
    posed: PosedModel,
    alpha: NDArray[np.float32],
    twin: NDArray[np.intp],
    side: float,
) -> NDArray[np.int32]:
    """Triangles (A, 3) of the far temple and ear whose mirror images the photo shows well."""
    skin = model.triangles[np.isin(model.triangle_part, [0, 1])]
    shown = (vertex_normals(posed.rest, skin)[:, 2] > GRAZING[0]) & _unoccluded(model, posed)
    x, y = posed.pixels.astype(np.float32).T[:, :, None]
    margin = max(1, round(SAFE_INSIDE * posed.unit))
    inner = cv2.erode(alpha, np.ones((2 * margin + 1, 2 * margin + 1), np.uint8))
    shown &= cv2.remap(inner, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[:, 0] > 0.95
    known = _closed(model.vertices, shown) & (model.vertices[:, 1] > LOBE)
    head = model.triangles[model.triangle_part == PART_NAMES.index("head")]
    beyond = model.vertices[head, 0].mean(axis=1) * side > 0.0
    wanted = head[beyond & known[twin[head]].all(axis=1)]
    return np.asarray(wanted[~_own_hair(model, posed, alpha, wanted, side)])


def _own_hair(
    model: FaceModel,
    posed: PosedModel,
    alpha: NDArray[np.float32],
    wanted: NDArray[np.int32],
    side: float,
) -> NDArray[np.bool_]:
    """Which triangles (A,) have hair of the photo's own beside them: it hides temple and ear."""
    face = posed.pixels[model.vertex_part == PART_NAMES.index("face")]
    rows = posed.pixels[wanted, 1].mean(axis=1)
    near = np.abs(face[:, 1] - rows[:, None]) < HAIR_BESIDE * posed.unit
    outline = np.where(near, face[:, 0] * side, -np.inf).max(axis=1, initial=-np.inf)
    outline = np.where(np.isfinite(outline), outline, (face[:, 0] * side).max())
    x = ((outline + HAIR_BESIDE * posed.unit) * side).astype(np.float32)[:, None]
    y = rows.astype(np.float32)[:, None]
    found = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[:, 0] > 0.5)


def _closed(places: NDArray[np.floating], marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill what is small between marked places (N, 3): an ear's folds hide some of themselves."""
    if not marked.any() or marked.all():
        return marked
    grown = cKDTree(places[marked]).query(places)[0] < EAR_FOLD
    if grown.all():
        return grown
    return np.asarray(cKDTree(places[~grown]).query(places)[0] > EAR_FOLD)


def _borders(model: FaceModel) -> NDArray[np.int32]:
    return np.concatenate([model.lip_inner, model.lid_left, model.lid_right])


def _appended(foreground: NDArray[np.uint8], texture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows = np.zeros((len(texture), foreground.shape[1], 4), np.uint8)
    width = min(texture.shape[1], rows.shape[1])
    rows[:, :width, :3] = texture[:, :width]
    rows[:, :width, 3] = 255
    return np.concatenate([foreground, rows])


def mirror_image(model: FaceModel) -> NDArray[np.intp]:
    """For each vertex the one that is nearest to its mirror image."""
    _, twin = cKDTree(model.vertices * np.array((-1.0, 1.0, 1.0), np.float32)).query(model.vertices)
    return np.asarray(twin)


def _unoccluded(model: FaceModel, posed: PosedModel) -> NDArray[np.bool_]:
    """Which vertices (V,) have nothing of the face before them."""
    cell = posed.unit / 40.0
    low = posed.pixels.min(axis=0)
    size = np.ceil(np.ptp(posed.pixels, axis=0) / cell).astype(int) + 2
    points = ((posed.pixels - low) / cell).astype(np.float32)
    z = posed.rest[:, 2].astype(np.float32)
    skin = model.triangles[np.isin(model.triangle_part, [0, 1])]
    nearest = depth_buffer(points, z, skin, (int(size[1]), int(size[0])))
    at = np.rint(points).astype(int)
    return np.asarray(nearest[at[:, 1], at[:, 0]] < z + 0.15)


def _with_certainty(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], unit: float
) -> NDArray[np.float32]:
    """Return the photo with a fourth channel (H, W, 4): 1 where it surely shows foreground."""
    margin = max(1, round(SAFE_INSIDE * unit))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    sure = cv2.erode((alpha > 0.98).astype(np.float32), disc, borderValue=1.0)
    return np.dstack([pixels.astype(np.float32), sure])


def _near_side(
    photo: NDArray[np.float32], corner: NDArray[np.float64], size: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Mirror the part of the photo that the texture is laid out like; fill its background."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
    near = cv2.remap(photo, np.float32(-corner[0]) - x, y + np.float32(corner[1]), cv2.INTER_LINEAR)
    return pull_push(near[..., :3], (near[..., 3] > 0.99).astype(np.float32))


def _own_side(
    model: FaceModel,
    posed: PosedModel,
    half: NDArray[np.int32],
    layout: NDArray[np.float64],
    photo: NDArray[np.float32],
    size: NDArray[np.intp],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lay out what the photo shows of the far side like the texture, with its share there, 0..1."""
    facing = vertex_normals(posed.rest, half)[:, 2] * _unoccluded(model, posed)
    own_at = np.zeros((int(size[1]), int(size[0]), 3), np.float32)
    nearest = np.full(own_at.shape[:2], FAR, np.float32)
    attributes = np.column_stack([posed.pixels, facing]).astype(np.float32)
    depth = np.ascontiguousarray(facing, np.float32)
    raster_attributes(layout.astype(np.float32), depth, attributes, half, own_at, nearest)
    own = cv2.remap(photo, own_at[..., 0], own_at[..., 1], cv2.INTER_LINEAR)
    share = smoothstep(*GRAZING, own_at[..., 2])
    shown = ((nearest > FAR) & (own[..., 3] > 0.99) & (share > 0.02)).astype(np.uint8)
    for loop in (model.lip_inner, model.lid_left, model.lid_right):
        cv2.fillPoly(shown, [np.rint(layout[loop]).astype(np.int32)], 1)
    inward = cv2.distanceTransform(shown, cv2.DIST_L2, 5)
    share *= smoothstep(0.0, FADE * posed.unit, inward)
    return own[..., :3], share.astype(np.float32)


def _blend(
    own: NDArray[np.float32],
    near: NDArray[np.float32],
    share: NDArray[np.float32],
    unit: float,
) -> NDArray[np.uint8]:
    lit = np.clip(near * _light(own, near, np.minimum(1.0, 2.0 * share), unit), 0.0, 255.0)
    mixed = own * share[..., None] + lit * (1.0 - share[..., None])
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8)


def _light(
    own: NDArray[np.float32],
    near: NDArray[np.float32],
    share: NDArray[np.float32],
    unit: float,
) -> NDArray[np.float32]:
    """Smooth factor (H, W, 3) that gives the mirrored skin the light of the far side's own."""
    reach = LIGHT_REACH * unit
    weight = cv2.GaussianBlur(share, (0, 0), reach)
    if float(weight.max()) < 1e-3:
        return np.ones_like(near)
    w = share[..., None]
    known = np.maximum(weight, 1e-4)[..., None]
    mine = cv2.GaussianBlur(own * w, (0, 0), reach) / known
    theirs = cv2.GaussianBlur(near * w, (0, 0), reach) / known
    ratio = np.clip((mine + DARK) / (theirs + DARK), LEAST_LIGHT, MOST_LIGHT)
    trusted = np.clip(weight * 4.0, 0.0, 1.0).astype(np.float32)
    spread = pull_push(ratio.astype(np.float32), trusted)
    smooth: NDArray[np.float32] = cv2.GaussianBlur(spread, (0, 0), 0.5 * reach)
    return smooth
