# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxy mesh of hair, ears, neck and body: a grid over the photo behind the face mesh.

Its depth continues the head's and bends away behind the outline (``silhouette_depth``); it follows
the head's pose less and less down the neck, and the nearest skin's expressions. ``behind_face`` and
``held_back`` keep it from standing before the face and its mirrored far side. Lengths are outer-eye
distances, depth grows toward the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.ramps import smoothstep
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import triangle_normals
from heat_backend.geometry.rasterizer import depth_buffer, grid_triangles
from heat_backend.layers.mirror_texture import MirrorTexture
from heat_backend.layers.silhouette_depth import silhouette_depth
from heat_backend.layers.visible_triangles import silhouette

# Outer-eye distances, by eye on the test portraits.
SPACING = 0.06  # of the grid: finer than locks of hair bend
SIDE_REACH, UP_REACH, DOWN_REACH = 3.0, 3.2, 3.4  # from the pivot: hair and shoulders
NECK_TOP, NECK_BOTTOM = 0.05, 1.25  # below the chin: still head, no longer head
STILL_BELOW = (0.2, 0.6)  # below the chin: the throat still moves with the jaw, the chest does not
BORDER_FADE = 0.6  # from the grid's borders inside the photo, over which it takes the pose
BODY_FADE = 1.8  # the same for shifts of the whole body: clothes stretch over it
ONWARD, ONWARD_ROWS = 1.6, 14  # how far a body goes on below the photo, in so many rows
# Below the chin: where a neck that the photo cuts becomes shoulders, how fast, and how much farther
# down the photo shows shoulders itself.
WIDENS_FROM, WIDENS, SHOULDERS_BEGIN = 0.45, 1.2, 0.8
BEHIND_OTHERS = 0.12  # skin that much behind other skin is not seen
NEIGHBOURS = 12  # skin vertices whose motion a vertex of the proxy mesh averages
EVENED = 0.03  # distance below which they weigh alike
BEHIND_FACE = 0.10  # that the grid stands behind the face's rim
UNDER_FACE = 0.3  # and more inside the rim, where the corners of an open mouth lie deep
FROM_RIM = (0.0, 0.10)  # inside the face's outline: where that begins, and is whole
HELD_BACK = 1.5  # behind an ear, too
# From the far side: up to where the grid, and its background, are held back.
BESIDE, BACKGROUND_AWAY = 0.10, 0.25
CELLS = 24  # per outer-eye distance, of the rasters behind these


@dataclass(frozen=True)
class ProxyMesh:
    """Grid vertices, as attributes of a :class:`heat_backend.layers.portrait_mesh.PortraitMesh`.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float64
    deltas : ndarray, shape (53, N, 3), float32
    follow : ndarray, shape (N,), float64
        How much of the head's pose a vertex takes, 0..1.
    carried : ndarray, shape (N,), float64
        How much of a shift that takes the body along, 0..1.
    pixels : ndarray, shape (N, 2), float64
        Where it stands over the photo.
    places : ndarray, shape (N, 2), float64
        Where it finds its colour, photo pixels.
    triangles : ndarray, shape (T, 3), int32
    """

    rest: NDArray[np.floating]
    deltas: NDArray[np.float32]
    follow: NDArray[np.float64]
    carried: NDArray[np.float64]
    pixels: NDArray[np.float64]
    places: NDArray[np.float64]
    triangles: NDArray[np.int32]


def build_proxy_mesh(
    posed: PosedModel,
    skin_triangles: NDArray[np.int32],
    face_triangles: NDArray[np.int32],
    alpha: NDArray[np.float32],
    chin: NDArray[np.floating],
    pad: int,
    corrections: Corrections = ALL_CORRECTIONS,
) -> ProxyMesh:
    """Build the grid: depth, share of the pose, offsets, and places of its colours.

    Parameters
    ----------
    posed : PosedModel
    skin_triangles : ndarray, shape (T, 3), int32
        Skin of the whole head: face, scalp, ears, neck.
    face_triangles : ndarray, shape (T, 3), int32
        Those of the face that the photo shows well.
    alpha : ndarray, shape (H, W), float32
        Matte.
    chin : ndarray, shape (2,)
        Tip of the chin, pixels.
    pad : int
        Pixels by which the photo is continued over its border.
    """
    unit = posed.unit
    height, width = alpha.shape
    grid, columns = _grid(posed, (width, height), pad)
    below = _below_chin(posed, grid, chin)
    depth = silhouette_depth(posed, skin_triangles, face_triangles, alpha, below, grid)
    edges = np.array([(-pad, -pad), (width - 1 + pad, height - 1 + pad)], np.float64)
    follow = 1.0 - smoothstep(NECK_TOP, NECK_BOTTOM, below)
    follow *= _inside_borders(posed, grid, edges, BORDER_FADE)
    carried = np.maximum(follow, _inside_borders(posed, grid, edges, BODY_FADE))
    rest = posed.camera.unproject(grid, depth)
    visible = _visible_vertices(posed, skin_triangles)
    deltas = _carried_deltas(posed, visible, grid)
    deltas *= (1.0 - smoothstep(*STILL_BELOW, below)).astype(np.float32)[:, None]
    triangles = grid_triangles(len(grid) // columns, columns)
    places = _places(grid, height, pad)
    if corrections.cropped_neck:
        places[:, 0] = widen_to_shoulders(posed, grid, height, chin)
    triangles = triangles[_on_foreground(alpha, places, triangles, SPACING * unit)]
    kept = _needed(triangles, len(grid), columns)
    number = np.cumsum(kept) - 1
    return ProxyMesh(
        rest=rest[kept],
        deltas=deltas[:, kept],
        follow=follow[kept],
        carried=carried[kept],
        pixels=grid[kept],
        places=places[kept],
        triangles=number[triangles].astype(np.int32),
    )


def _needed(triangles: NDArray[np.int32], number: int, columns: int) -> NDArray[np.bool_]:
    """Which vertices (number,) are a triangle's or the grid's corners, which give its extent."""
    kept = np.zeros(number, bool)
    kept[triangles] = True
    kept[[0, columns - 1, number - columns, number - 1]] = True
    return kept


def _grid(posed: PosedModel, size: tuple[int, int], pad: int) -> tuple[NDArray[np.float64], int]:
    unit = posed.unit
    x, y = posed.camera.center
    head_y = y - 0.3 * unit
    low = np.maximum([x - SIDE_REACH * unit, head_y - UP_REACH * unit], -float(pad))
    floor = size[1] - 1.0
    high = np.minimum(
        [x + SIDE_REACH * unit, head_y + DOWN_REACH * unit], (size[0] - 1.0 + pad, floor)
    )
    counts = np.maximum(2, np.ceil((high - low) / (SPACING * unit)).astype(int) + 1)
    xs = np.linspace(low[0], high[0], counts[0])
    ys = np.linspace(low[1], high[1], counts[1])
    if high[1] >= floor:
        onward = np.linspace(0.0, 1.0, ONWARD_ROWS + 1)[1:] ** 1.5
        ys = np.concatenate([ys, floor + max(float(pad), ONWARD * unit) * onward])
    mesh = np.stack(np.meshgrid(xs, ys), axis=-1)
    return mesh.reshape(-1, 2), int(counts[0])


def _on_foreground(
    alpha: NDArray[np.float32],
    grid: NDArray[np.float64],
    triangles: NDArray[np.int32],
    spacing: float,
) -> NDArray[np.bool_]:
    """Which triangles have any foreground in or right beside them; the others show nothing."""
    size = 2 * int(np.ceil(1.5 * spacing)) + 1
    near = cv2.dilate(alpha, np.ones((size, size), np.uint8))
    at = grid[triangles].mean(axis=1).astype(np.float32)
    found = cv2.remap(
        near, at[None, :, 0], at[None, :, 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found[0] > 0.0)


def _below_chin(
    posed: PosedModel, grid: NDArray[np.float64], chin: NDArray[np.floating]
) -> NDArray[np.float64]:
    """How far below the chin the places (N, 2) are along the head's own axis, in units."""
    down = posed.rotation @ np.array([0.0, -1.0, 0.0])
    direction = np.array([down[0], -down[1]])
    direction /= np.linalg.norm(direction)
    below: NDArray[np.float64] = (grid - chin) @ direction / posed.unit
    return below


def _inside_borders(
    posed: PosedModel, grid: NDArray[np.float64], edges: NDArray[np.float64], fade: float
) -> NDArray[np.float64]:
    """1 within the proxy, 0 toward those of its borders that lie inside the continued photo.

    ``edges`` (2, 2) are the least and the largest pixels of that.
    """
    inside = np.ones(len(grid))
    low, high = grid.min(axis=0), grid.max(axis=0)
    for axis in (0, 1):
        if low[axis] > edges[0][axis] + 1.0:
            inside *= smoothstep(0.0, fade, (grid[:, axis] - low[axis]) / posed.unit)
        if high[axis] < edges[1][axis] - 1.0:
            inside *= smoothstep(0.0, fade, (high[axis] - grid[:, axis]) / posed.unit)
    return inside


def _places(grid: NDArray[np.float64], height: int, pad: int) -> NDArray[np.float64]:
    """Places (N, 2) in the continued photo whose colour the grid's vertices take.

    Below the photo its continuation has fewer rows than the grid reaches down.
    """
    places = grid.copy()
    room = max(1.0, pad - 2.0)
    floor = height - 1.0
    beyond = np.maximum(0.0, grid[:, 1] - floor)
    places[:, 1] += room * (1.0 - np.exp(-beyond / room)) - beyond
    return places


def widen_to_shoulders(
    posed: PosedModel, grid: NDArray[np.float64], height: int, chin: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Columns (N,) of the photo that the grid's vertices take their colour from.

    For: photos that end at the neck, which goes on below the border as shoulders that widen.

    Parameters
    ----------
    posed : PosedModel
    grid : ndarray, shape (N, 2)
        Pixels.
    height : int
        Of the photo, pixels.
    chin : ndarray, shape (2,)
        Pixels.
    """
    floor = height - 1.0
    beyond = np.maximum(0.0, grid[:, 1] - floor)
    start = (floor - float(chin[1])) / posed.unit - WIDENS_FROM
    deep = np.maximum(0.0, beyond / posed.unit + min(start, 0.0))
    neck = 1.0 - max(0.0, start) / SHOULDERS_BEGIN
    wider = 1.0 + WIDENS * max(0.0, neck) * deep**1.5
    return np.asarray(chin[0] + (grid[:, 0] - chin[0]) / wider)


def _visible_vertices(posed: PosedModel, triangles: NDArray[np.int32]) -> NDArray[np.intp]:
    """Skin vertices of triangles that face the camera with no other skin before them.

    The neck behind the jaw stands still: mixed with the jaw's it would tear the outline apart.
    """
    facing = np.unique(triangles[triangle_normals(posed.rest, triangles)[:, 2] > 0.0])
    cell = posed.unit / 40.0
    low = posed.pixels[facing].min(axis=0)
    size = np.ceil(np.ptp(posed.pixels[facing], axis=0) / cell).astype(int) + 2
    points = ((posed.pixels - low) / cell).astype(np.float32)
    z = posed.rest[:, 2].astype(np.float32)
    nearest = depth_buffer(points, z, triangles, (int(size[1]), int(size[0])))
    at = np.rint(points[facing]).astype(int)
    hidden = nearest[at[:, 1], at[:, 0]] > z[facing] + BEHIND_OTHERS
    return facing[~hidden]


def _carried_deltas(
    posed: PosedModel, visible: NDArray[np.intp], grid: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Expression deltas of the nearest skin, dying out beyond it."""
    unit = posed.unit
    distance, nearest = cKDTree(posed.pixels[visible]).query(grid, k=NEIGHBOURS)
    weight = 1.0 / ((distance / unit) ** 2 + EVENED**2)
    weight /= weight.sum(axis=1, keepdims=True)
    weight *= np.exp(-(np.maximum(0.0, distance[:, :1] / unit - 0.1) ** 2) / (2 * 0.2**2))
    picked = posed.deltas[:, visible[nearest]]  # (53, N, k, 3)
    return np.einsum("enkc,nk->enc", picked, weight.astype(np.float32)).astype(np.float32)


def behind_face(
    proxy: ProxyMesh, posed: PosedModel, face: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Depth to add to the proxy mesh's vertices (N,) so that the face is before them.

    ``face`` (T, 3) are its triangles that are drawn. Its rim joins the proxy mesh without a step;
    farther inside, its openings included, the proxy mesh must never be visible.
    """
    covered = _covered(proxy, posed, face, whole=True)
    within, beyond = (
        cv2.distanceTransform(cells, cv2.DIST_L2, 5) for cells in (covered, 1 - covered)
    )
    inside = _sampled(within - beyond, proxy, posed.unit)
    return -BEHIND_FACE - UNDER_FACE * smoothstep(*FROM_RIM, inside)


def held_back(
    proxy: ProxyMesh, posed: PosedModel, far: MirrorTexture, alpha: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Depth to add to the proxy mesh's vertices (N,) so that they do not stand before the far side.

    That is where the far side has its own mesh, right beside it, and the background close by.
    """
    covered = _covered(proxy, posed, far.vertices[far.triangles])
    away = _sampled(cv2.distanceTransform(1 - covered, cv2.DIST_L2, 5), proxy, posed.unit)
    x, y = proxy.pixels.astype(np.float32).T[:, :, None]
    foreground = cv2.remap(alpha, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]
    near = np.clip(1.5 - away / BESIDE, 0.0, 1.0)
    background = (1.0 - foreground) * np.clip(2.0 - 2.0 * away / BACKGROUND_AWAY, 0.0, 1.0)
    share = np.maximum(near, background)
    return -HELD_BACK * share


def _covered(
    proxy: ProxyMesh, posed: PosedModel, triangles: NDArray[np.integer], whole: bool = False
) -> NDArray[np.uint8]:
    """1 in the cells over the proxy mesh that triangles (T, 3) of the posed model cover, else 0."""
    low, high = proxy.pixels.min(axis=0), proxy.pixels.max(axis=0)
    columns, rows = np.ceil((high - low) * CELLS / posed.unit).astype(int) + 2
    points = (posed.pixels - low) * (CELLS / posed.unit)
    return silhouette(points, triangles, (int(rows), int(columns)), whole)


def _sampled(cells: NDArray[np.float32], proxy: ProxyMesh, unit: float) -> NDArray[np.float64]:
    """Read distances in cells at the proxy mesh's vertices (N,), in outer-eye distances."""
    at = np.rint((proxy.pixels - proxy.pixels.min(axis=0)) * CELLS / unit).astype(int)
    return np.asarray(cells[at[:, 1], at[:, 0]] / CELLS, np.float64)
