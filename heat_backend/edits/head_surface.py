# SPDX-License-Identifier: GPL-3.0-or-later
"""The fitted head as a textured, posable mesh: where the photo shows it, and what is beyond.

The photo is projected from its own camera. Skin that it does not show takes the colour of the
nearest that it does (Laplace's equation on the mesh); the inside of the mouth and the hidden part
of the eyeballs are the face model's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel, eyes, gaze_angles
from bridge.pose import rotation_matrix
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import vertex_normals
from heat_backend.geometry.rasterizer import FAR, raster_attributes

Floats = NDArray[np.floating]
IRIS = (473, 468)  # FaceMesh's iris centres of the left, the right eye
EYES = ("eye_left", "eye_right")
LIDS = ("lid_margin_left", "lid_margin_right")
CELLS = 90.0  # of the depth buffer in an outer-eye distance
SLACK = {"skin": 0.05, "inside": 0.02}  # outer-eye distances behind what is nearest
FACING = 0.12, 0.4  # cosines: from no photo to all photo
MATTE = 0.85, 0.99  # opacities from no photo to all photo: an edge mixes in the background
SOFT_ROUNDS = 3
STIFF = 50.0  # pull of seen colours on the diffusion
FAINT = 1e-4  # least pull of a colour that is hardly seen: keeps the system regular
SAMPLE_BLUR = 0.02  # outer-eye distances
LINING = 0.03, 0.2  # outer-eye distances from the lips: from their colour to the mouth's own
SCLERA, PUPIL = 150, 40  # mean of an eye vertex' albedo


@dataclass(frozen=True)
class HeadSurface:
    """The head in its own axes about its pivot, model units, as photographed.

    Attributes
    ----------
    vertices : ndarray, shape (V, 3), float32
    shapes : ndarray, shape (52, V, 3), float32
        What each expression adds; ``eyeLook*`` turn the eyeballs, too.
    uv : ndarray, shape (V, 2), float32
        Of the photo, 0..1, v up.
    seen : ndarray, shape (V,), float32
        How much the photo shows a vertex.
    colour : ndarray, shape (V, 3), uint8
        sRGB, for what it does not show.
    """

    vertices: NDArray[np.float32]
    shapes: NDArray[np.float32]
    uv: NDArray[np.float32]
    seen: NDArray[np.float32]
    colour: NDArray[np.uint8]


def head_surface(
    model: FaceModel, posed: PosedModel, identity: Floats, points: NDArray[np.floating],
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32],
) -> HeadSurface:  # fmt: skip
    """Make it.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    identity : ndarray, shape (K,)
    points : ndarray, shape (478, 3)
        Landmarks in the photo.
    pixels : ndarray, shape (H, W, 3), uint8
    alpha : ndarray, shape (H, W)
        Matte of the person.
    """
    own = posed.rest @ posed.rotation
    shapes = (posed.deltas[: len(EXPRESSION_NAMES)] @ posed.rotation.astype(np.float32)).copy()
    for side in range(2):
        _turn_eye(model, posed, identity, points, side, own, shapes)
    rest = own @ posed.rotation.T
    places = posed.camera.project(rest)
    seen = _seen(model, posed, rest, places, alpha)
    colour = _colours(model, own, seen, _sampled(pixels, places, posed.unit))
    height, width = pixels.shape[:2]
    uv = (places + 0.5) / (width, height) * (1.0, -1.0) + (0.0, 1.0)
    return HeadSurface(
        own.astype(np.float32),
        np.asarray(shapes, np.float32),
        uv.astype(np.float32),
        seen.astype(np.float32),
        np.rint(np.clip(colour, 0, 255)).astype(np.uint8),
    )


def _part(model: FaceModel, *names: str) -> NDArray[np.bool_]:
    return np.isin(model.vertex_part, [PART_NAMES.index(name) for name in names])


def _turn_eye(
    model: FaceModel, posed: PosedModel, identity: Floats, points: NDArray[np.floating],
    side: int, own: Floats, shapes: NDArray[np.float32],
) -> None:  # fmt: skip
    """Let an eyeball look where the photo's does, and turn with ``eyeLook*``."""
    at = _part(model, EYES[side])
    centres, radii = eyes(model, identity)
    radius = float(radii[side])
    # The fit has moved the eyeball as a whole.
    centre = own[at].mean(axis=0) + (centres[side] - _plain_middle(model, identity, at))
    front = (posed.rotation @ (centre + np.array([0.0, 0.0, radius])))[2]
    iris = points[IRIS[side], :2].astype(np.float64)
    off = posed.rotation.T @ posed.camera.unproject(iris[None], np.array([front]))[0] - centre
    across, up = np.clip(off[:2] / radius, -0.8, 0.8)
    turned = (own[at] - centre) @ rotation_matrix((-np.arcsin(up), np.arcsin(across), 0.0)).T
    own[at] = turned + centre
    for name in (n for n in EXPRESSION_NAMES if n.startswith("eyeLook")):
        one = np.zeros(len(EXPRESSION_NAMES), np.float32)
        one[EXPRESSION_INDEX[name]] = 1.0
        turn = rotation_matrix((*gaze_angles(one)[side], 0.0))
        shapes[EXPRESSION_INDEX[name], at] = turned @ (turn - np.eye(3)).T


def _plain_middle(model: FaceModel, identity: Floats, at: NDArray[np.bool_]) -> Floats:
    shaped = model.vertices[at] + np.tensordot(identity, model.identity[: len(identity), at], 1)
    return np.asarray(shaped.mean(axis=0), np.float64)


def _seen(
    model: FaceModel, posed: PosedModel, rest: Floats, places: Floats, alpha: NDArray[np.float32]
) -> Floats:
    """How much the photo shows each vertex (V,)."""
    cell = posed.unit / CELLS
    low = places.min(axis=0)
    size = np.ceil(np.ptp(places, axis=0) / cell).astype(int) + 2
    nearest = np.full((size[1], size[0]), FAR, np.float32)
    z = np.ascontiguousarray(rest[:, 2], np.float32)
    at = ((places - low) / cell).astype(np.float32)
    scratch = np.zeros((size[1], size[0], 1), np.float32)
    raster_attributes(at, z, z[:, None], model.triangles, scratch, nearest)
    column, row = np.rint(at).astype(int).T
    around = cv2.erode(nearest, np.ones((3, 3), np.uint8))[row, column]
    skin = _part(model, *SKIN_PARTS)
    slack = np.where(skin, SLACK["skin"], SLACK["inside"])
    front = (around <= z + slack).astype(np.float64)
    normals = vertex_normals(rest, model.triangles).astype(np.float32)
    toward = np.array([0.0, 0.0, posed.camera.distance]) - rest
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    found = front * smoothstep(*FACING, (normals * toward).sum(axis=1))
    height, width = alpha.shape
    inside = ((places >= 0) & (places <= (width - 1, height - 1))).all(axis=1)
    person = _at(alpha, places)
    found *= inside * np.where(skin, smoothstep(*MATTE, person), 1.0)
    mean = _neighbours(model)
    for _ in range(SOFT_ROUNDS):
        found = np.minimum(found, 0.5 * found + 0.5 * (mean @ found))
    return np.asarray(found, np.float64)


def _at(field: NDArray[np.float32], places: Floats) -> NDArray[np.float32]:
    x, y = places.astype(np.float32).T[:, :, None]
    found = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[:, 0])


def _sampled(pixels: NDArray[np.uint8], places: Floats, unit: float) -> Floats:
    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), max(0.7, SAMPLE_BLUR * unit))
    return np.asarray(_at(soft, places), np.float64)


def _links(model: FaceModel) -> csr_matrix:
    """1 between vertices (V, V) that share an edge or a place."""
    a, b, c = model.triangles.T
    doubled = cKDTree(model.vertices).query_pairs(1e-5, output_type="ndarray")
    one = np.concatenate([a, b, c, doubled[:, 0]])
    other = np.concatenate([b, c, a, doubled[:, 1]])
    count = len(model.vertices)
    links = coo_matrix((np.ones(len(one)), (one, other)), (count, count)).tocsr()
    links = links + links.T
    links.data[:] = 1.0
    return links


def _neighbours(model: FaceModel) -> csr_matrix:
    links = _links(model)
    return csr_matrix(diags(1.0 / np.maximum(np.asarray(links.sum(axis=1)).ravel(), 1.0)) @ links)


def _colours(model: FaceModel, own: Floats, seen: Floats, sampled: Floats) -> Floats:
    """Colours (V, 3): the photo's, spread over what it does not show, or the model's own."""
    albedo = model.vertex_albedo.astype(np.float64)
    found = albedo.copy()
    spread = _part(model, *SKIN_PARTS, *LIDS, "mouth_socket")
    index = np.flatnonzero(spread)
    links = _links(model)[index][:, index]
    pull = STIFF * seen[index] ** 2 + FAINT * (seen[index] > 0)
    degree = np.asarray(links.sum(axis=1)).ravel()
    system = (diags(degree + pull + 1e-9) - links).tocsc()
    right = pull[:, None] * sampled[index] + 1e-9 * albedo[index]
    found[index] = splu(system).solve(right)
    socket = _part(model, "mouth_socket")
    away, _ = cKDTree(own[model.lip_inner]).query(own[socket])
    share = smoothstep(*LINING, away)[:, None]
    found[socket] += share * (albedo[socket] - found[socket])
    for eye in EYES:
        _colour_eye(_part(model, eye), albedo, seen, sampled, found)
    return found


def _colour_eye(
    at: NDArray[np.bool_], albedo: Floats, seen: Floats, sampled: Floats, found: Floats
) -> None:
    """Give the hidden part of an eyeball the white and the iris that the photo shows."""
    light = albedo.mean(axis=1)
    for part in (light > SCLERA, (light <= SCLERA) & (light > PUPIL)):
        shown = at & part & (seen > 0.6)
        if shown.sum() >= 3:
            order = np.argsort(sampled[shown].mean(axis=1))
            found[at & part] = sampled[shown][order[len(order) // 2 :]].mean(axis=0)
