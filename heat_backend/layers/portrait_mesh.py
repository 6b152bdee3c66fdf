# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh that moves the photo: visible triangles of the face, far side and proxy mesh in one.

Also the openings of the mouth and the eyes in it, whose outlines mask what is behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.sparse import coo_matrix, csr_matrix, diags, identity

from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel
from bridge.ramps import smoothstep
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.lip_colours import LipColours, lip_colours, unmoved
from heat_backend.layers.mirror_texture import MirrorTexture
from heat_backend.layers.proxy_mesh import ProxyMesh, behind_face, build_proxy_mesh, held_back
from heat_backend.layers.visible_triangles import evened_grazing, visible_triangles

RIM_ROUNDS = 10  # of smoothing the mesh's cut edge: enough to lose its zigzag


@dataclass(frozen=True)
class Opening:
    """A hole of the face: the mouth or an eye.

    Attributes
    ----------
    upper, lower : ndarray of int
        Mesh vertices of its border, both from image left to image right, corners included.
    """

    upper: NDArray[np.intp]
    lower: NDArray[np.intp]

    def outline(self, pixels: NDArray[np.floating], slit: float = 0.0) -> NDArray[np.floating]:
        """Its border as a smooth closed polygon (M, 2), given all vertices' pixels (N, 2).

        Where it is open by less than ``slit`` pixels it is drawn nearly or quite shut.
        """
        upper, lower = (_rounded(pixels[run]) for run in (self.upper, self.lower))
        upper = _not_below(upper, lower, slit)
        return np.concatenate([upper, lower[-2:0:-1]])


@dataclass(frozen=True)
class PortraitMesh:
    """All that moves with the head, except what is behind its openings.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
        Vertices about the head's pivot in the picture's axes, model units.
    deltas : ndarray, shape (53, N, 3), float32
        What each expression adds, same axes.
    follow : ndarray, shape (N,), float32
        How much of the head's pose a vertex takes, 0..1.
    carried : ndarray, shape (N,), float32
        How much it takes of a shift that the whole body makes, 0..1.
    pixels : ndarray, shape (N, 2), float32
        Where in the photo, or below it, a vertex finds its colour.
    bias : ndarray, shape (N,), float32
        Added to the depth: the proxy mesh stays behind the face.
    triangles : ndarray, shape (T, 3), int32
    far_triangles : ndarray, shape (U, 3), int32
        Those to draw instead when the head turns the far side into view.
    averted_side : float
        Where the face looks in the photo: 1 to image right, -1 to image left.
    mouth, eye_left, eye_right : Opening
    lips : LipColours
    grazing_skin : bool
        Whether skin seen at a grazing angle is smoothed by :meth:`evened_rim`.
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    follow: NDArray[np.float32]
    carried: NDArray[np.float32]
    pixels: NDArray[np.float32]
    bias: NDArray[np.float32]
    triangles: NDArray[np.int32]
    far_triangles: NDArray[np.int32]
    averted_side: float
    mouth: Opening
    eye_left: Opening
    eye_right: Opening
    lips: LipColours
    grazing_skin: bool = True

    def evened_rim(self) -> csr_matrix:
        """Matrix (N, N) for what moves all vertices; see :func:`evened_grazing`."""
        if not self.grazing_skin:
            return identity(len(self.rest), format="csr")
        face = (self.bias[self.triangles] == 0.0).all(axis=1)
        openings = (self.mouth, self.eye_left, self.eye_right)
        borders = np.concatenate([run for o in openings for run in (o.upper, o.lower)])
        return evened_grazing(self.rest, self.triangles[face], borders)

    @property
    def eyes(self) -> dict[str, Opening]:
        """The eye openings by the subject's side."""
        return {"left": self.eye_left, "right": self.eye_right}


def build_portrait_mesh(
    model: FaceModel,
    posed: PosedModel,
    alpha: NDArray[np.float32],
    chin: NDArray[np.floating],
    pad: int,
    far: MirrorTexture | None = None,
    corrections: Corrections = ALL_CORRECTIONS,
) -> PortraitMesh:
    """Put face, far side and sheet together. See :func:`build_proxy_mesh` for the parameters."""
    skin = model.triangles[_triangles_of(model, *SKIN_PARTS)]
    face = model.triangles[_triangles_of(model, "face")]
    borders = np.concatenate([model.lip_inner, model.lid_left, model.lid_right])
    rounds = RIM_ROUNDS if corrections.smooth_rim else 0
    drawn, followed = visible_triangles(posed, face, skin, borders)
    proxy = build_proxy_mesh(posed, skin, face[followed], alpha, chin, pad, corrections)
    kept = np.union1d(np.unique(face[drawn]), borders)
    place = np.full(len(model.vertices), -1)
    place[kept] = np.arange(len(kept))
    front = place[face[drawn]]
    surface = smooth_rim(posed, kept, front, place[borders], rounds)
    triangles = np.concatenate([front, proxy.triangles + len(kept)])
    far_triangles = triangles
    if far is not None:
        beyond = far.triangles + len(kept) + len(proxy.rest)
        stay = triangles[
            np.concatenate([~far.replaced[drawn], np.ones(len(proxy.triangles), bool)])
        ]
        far_triangles = np.concatenate([stay, beyond])
    behind = behind_face(proxy, posed, face[drawn])
    parts = [(*surface[:2], *_under(posed.pixels[kept], proxy), surface[2])]
    parts.append((proxy.rest, proxy.deltas, proxy.follow, proxy.carried, proxy.places))
    if far is not None:
        behind += held_back(proxy, posed, far, alpha)
        everything = np.arange(len(model.vertices))
        beside = far.vertices[far.triangles[np.count_nonzero(far.replaced) :]]
        whole = np.concatenate([face, beside])
        rest, deltas, pixels = smooth_rim(posed, everything, whole, borders, rounds)
        v = far.vertices
        parts.append((rest[v], deltas[:, v], *_under(pixels[v], proxy), far.places))
    total = sum(len(part[0]) for part in parts)
    places = _stack([part[4] for part in parts])
    bias = np.zeros(total)
    bias[len(kept) : len(kept) + len(behind)] = behind
    return PortraitMesh(
        rest=_stack([part[0] for part in parts]),
        deltas=np.ascontiguousarray(np.concatenate([part[1] for part in parts], 1), np.float32),
        follow=_stack([part[2] for part in parts]),
        carried=_stack([part[3] for part in parts]),
        pixels=places,
        bias=bias.astype(np.float32),
        triangles=triangles.astype(np.int32),
        far_triangles=far_triangles.astype(np.int32),
        averted_side=far.side if far is not None else 0.0,
        mouth=_opening(place[model.lip_inner], model.lip_upper_count, surface[2]),
        eye_left=_opening(place[model.lid_left], model.lid_upper_count, surface[2]),
        eye_right=_opening(place[model.lid_right], model.lid_upper_count, surface[2]),
        lips=lip_colours(model, posed, places) if corrections.lip_colours else unmoved(total),
        grazing_skin=corrections.grazing_skin,
    )


def smooth_rim(
    posed: PosedModel,
    kept: NDArray[np.intp],
    triangles: NDArray[np.intp],
    borders: NDArray[np.intp],
    rounds: int = RIM_ROUNDS,
) -> tuple[NDArray[np.floating], NDArray[np.float32], NDArray[np.float64]]:
    """Smooth the cut edge of the face mesh; vertices slide along the surface to their neighbours.

    For: all photos, turned heads above all. Where triangles are dropped the edge is a zigzag,
    which shows when the proxy mesh behind it moves differently.

    Parameters
    ----------
    posed : PosedModel
    kept : ndarray, shape (N,)
        The mesh's vertices among the model's.
    triangles : ndarray, shape (T, 3)
        Over the N vertices.
    borders : ndarray of int
        Vertices of the openings, which stay.
    rounds : int
        Of smoothing.

    Returns
    -------
    rest : ndarray, shape (N, 3), float64
    deltas : ndarray, shape (53, N, 3), float32
    pixels : ndarray, shape (N, 2), float64
    """
    if rounds == 0:
        return posed.rest[kept], posed.deltas[:, kept], posed.pixels[kept]
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    )
    unique, count = np.unique(edges, axis=0, return_counts=True)
    rim = unique[count == 1]
    rim = rim[~(np.isin(rim, borders).any(axis=1))]
    number = len(kept)
    links = coo_matrix((np.ones(len(rim)), (rim[:, 0], rim[:, 1])), (number, number)).tocsr()
    links = links + links.T
    degree = np.asarray(links.sum(axis=1)).ravel()
    on_rim = degree == 2
    step = diags(np.where(on_rim, 0.25, 0.0)) @ links + diags(np.where(on_rim, 0.5, 1.0))
    smooth = step
    for _ in range(rounds - 1):
        smooth = step @ smooth
    pixels = smooth @ posed.pixels[kept]
    rest = posed.camera.unproject(pixels, smooth @ posed.rest[kept, 2])
    deltas = posed.deltas[:, kept].copy()
    moved = np.flatnonzero(on_rim)
    own = posed.deltas[:, kept].transpose(1, 0, 2).reshape(number, -1)
    deltas[:, moved] = (smooth[moved] @ own).reshape(len(moved), -1, 3).transpose(1, 0, 2)
    return rest, deltas, pixels


def _rounded(run: NDArray[np.floating]) -> NDArray[np.floating]:
    """Two rounds of Chaikin's corner cutting, with the ends kept (Chaikin 1974)."""
    return _corner_cutting(len(run)) @ run


@lru_cache(maxsize=32)
def _corner_cutting(count: int) -> NDArray[np.float32]:
    """Matrix (M, count) that cuts the corners of a run of points, twice."""
    run = np.eye(count)
    for _ in range(2):
        a, b = run[:-1], run[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, count)
        run = np.concatenate([run[:1], cut[1:-1], run[-1:]])
    return run.astype(np.float32)


def _not_below(
    upper: NDArray[np.floating], lower: NDArray[np.floating], slit: float
) -> NDArray[np.floating]:
    """Lay the parts of an upper edge that crossed or nearly met the lower one onto it."""
    along = lower[-1] - lower[0]
    length = float(np.hypot(*along))
    if length < 1e-6:
        return upper
    axes = np.array([[along[0], along[1]], [-along[1], along[0]]]) / length
    u, low = (upper - lower[0]) @ axes.T, (lower - lower[0]) @ axes.T
    order = np.argsort(low[:, 0])
    floor = np.interp(u[:, 0], low[order, 0], low[order, 1])
    gap = np.maximum(0.0, floor - u[:, 1])
    if slit > 0.0:
        gap *= smoothstep(0.0, slit, gap)
    u[:, 1] = floor - gap
    return u @ axes + lower[0]


def _stack(parts: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.concatenate(parts), np.float32)


def _triangles_of(model: FaceModel, *names: str) -> NDArray[np.bool_]:
    return np.isin(model.triangle_part, [PART_NAMES.index(name) for name in names])


def _under(
    pixels: NDArray[np.floating], proxy: ProxyMesh
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let the face take the whole pose, save where the proxy mesh under its lower rim already lags.

    Returns ``follow`` and ``carried`` (N,) of a :class:`PortraitMesh`.
    """
    shares = np.column_stack([proxy.follow, proxy.carried])
    found = LinearNDInterpolator(proxy.pixels, shares, fill_value=1.0)(pixels)
    return found[:, 0], found[:, 1]


def _opening(loop: NDArray[np.intp], upper_count: int, pixels: NDArray[np.floating]) -> Opening:
    upper = loop[:upper_count]
    lower = np.concatenate([[loop[0]], loop[upper_count:][::-1], [loop[upper_count - 1]]])
    if pixels[upper[0], 0] > pixels[upper[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    return Opening(upper, lower)
