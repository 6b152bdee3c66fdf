# SPDX-License-Identifier: GPL-3.0-or-later
"""Non-rigid registration of our face model to another face mesh, giving dense correspondence.

Landmarks initialise it; our identity basis deforms our neutral face toward the other within the
range of people, and a smooth field does the rest: non-rigid iterative closest points with a
Laplacian, after Amberg et al., "Optimal Step Nonrigid ICP Algorithms for Surface Registration",
2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags, hstack, identity, vstack
from scipy.sparse.linalg import splu

from bridge.face_model import FaceModel, landmarks
from heat_backend.geometry.mesh_normals import vertex_normals
from heat_backend.geometry.rigid_alignment import nearest_rotation
from heat_backend.styleheat.bfm.surface import (
    SurfacePoints,
    closest_points,
    on_border,
)
from heat_backend.styleheat.crops.deep3d import WITHOUT_JAW, landmarks_68

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SKIN = ("face", "head")
WITHOUT_JAW_COUNT = WITHOUT_JAW.stop - WITHOUT_JAW.start
SAMPLE = 6000  # points of the other face that steer the fit
IDENTITY_ROUNDS = 30
FIELD_STIFFNESS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.1)  # of the smooth field, round by round
ALONG_SURFACE = 0.1  # how much a pair pulls along the surface, against across it
FAR = (0.3, 0.06)  # outer-eye distances: pairs farther apart are none, first and last round
SAME_WAY = 0.6  # least cosine between the normals of a pair
LANDMARK_PULL = 3.0  # of one landmark against one pair of points, in the first round
OUR_UNIT = 0.892  # decimetres: the outer-eye distance of our neutral face
SAME_UNIT = 0.2  # by how much, at most, two people's heads differ in size (logarithm)
OUR_OWN = 0.25  # of identity left when the size is let free: then it was the unit, not the person
IDENTITY_SIGMA = 0.02  # outer-eye distances: what one pair leaves to identity's prior


@dataclass(frozen=True)
class Similarity:
    """``ours = scale * rotation @ theirs + shift``."""

    scale: float
    rotation: Floats
    shift: Floats

    def __call__(self, points: Floats) -> Floats:
        """Bring (n, 3) points of theirs into our frame."""
        moved: Floats = self.scale * points @ self.rotation.T + self.shift
        return moved

    def offsets_back(self, offsets: Floats) -> Floats:
        """Bring (..., 3) offsets of ours into their frame and unit."""
        turned: Floats = offsets @ self.rotation / self.scale
        return turned


@dataclass(frozen=True)
class Registration:
    """Which point of our skin each vertex of theirs is.

    Attributes
    ----------
    to_ours : Similarity
    points : SurfacePoints
        One for each of their N vertices, on ``triangles``.
    triangles : ndarray, shape (F, 3)
        Our skin, over the whole model's vertices.
    valid : ndarray, shape (N,), bool
        Where there is such a point: not on eyeballs, ears' backs, or beyond our skin's border.
    gap : float
        Root mean square distance of the pairs after the fit, outer-eye distances.
    """

    to_ours: Similarity
    points: SurfacePoints
    triangles: Ints
    valid: NDArray[np.bool_]
    gap: float


def similarity_between(
    theirs: Floats, ours: Floats, weights: Floats | None = None, scale: float | None = None
) -> Similarity:
    """Least-squares similarity from paired (n, 3) points (Umeyama, 1991); ``scale`` fixes it."""
    w = np.ones(len(ours)) if weights is None else weights
    w = w / w.sum()
    from_mean, to_mean = w @ theirs, w @ ours
    a, b = theirs - from_mean, ours - to_mean
    rotation, trace = nearest_rotation((b * w[:, None]).T @ a)
    if scale is None:
        scale = float(trace / (w @ (a * a).sum(axis=1)))
    return Similarity(scale, rotation, to_mean - scale * rotation @ from_mean)


@dataclass(frozen=True)
class _Pairs:
    """Closest points of one round."""

    points: SurfacePoints
    keep: NDArray[np.bool_]
    normals: Floats  # of theirs


class _Fit:
    """Our surface on its way to theirs; all in our frame."""

    def __init__(self, model: FaceModel, mean: Floats, triangles: Ints, keypoints: Ints) -> None:
        self.model = model
        skin = model.part(*SKIN)
        self.index = skin.index.astype(np.int64)
        self.triangles = skin.triangles.astype(np.int64)
        self.vertices = skin.vertices.astype(np.float64)
        self.identity = model.identity[:, self.index].astype(np.float64)
        marks = landmarks_68(landmarks(model, model.vertices))
        self.identity_marks = np.stack(
            [landmarks_68(landmarks(model, field)) for field in model.identity]
        )
        self.marks = marks
        self.theirs = mean
        self.keypoints = keypoints
        self.scale: float | None = None
        self.to_ours = similarity_between(mean[keypoints[WITHOUT_JAW]], marks[WITHOUT_JAW])
        normals = vertex_normals(mean, triangles)
        # Their triangles may wind either way; a face's normals point to the viewer on the whole.
        self.their_normals = normals * np.sign(normals[:, 2].sum() or 1.0)
        step = max(1, len(mean) // SAMPLE)
        self.sample = np.arange(0, len(mean), step)

    def pairs(self, which: Ints | slice, far: float) -> _Pairs:
        """Pair their vertices ``which`` with the closest points of our surface."""
        targets = self.to_ours(self.theirs[which])
        normals = self.their_normals[which] @ self.to_ours.rotation.T
        found = closest_points(targets, self.vertices, self.triangles)
        ours = vertex_normals(self.vertices, self.triangles)
        agree = (found.of(ours, self.triangles) * normals).sum(axis=1) > SAME_WAY
        inside = ~on_border(found, self.triangles, len(self.vertices))
        return _Pairs(found, agree & inside & (found.distance < far), normals)

    def in_decimetres(self) -> bool:
        """Take their unit for the decimetre, as it should be; False where it cannot be.

        Skin moves by millimetres, not by shares of a head: a larger head is left to identity.
        """
        self.scale = 1.0 / OUR_UNIT
        return bool(abs(np.log(self.to_ours.scale * OUR_UNIT)) < SAME_UNIT)

    def fit_identity(self) -> float:
        """Bend our neutral by the identity basis, the similarity along with it.

        Returns the squared length of the identity weights.
        """
        weights = np.zeros(len(self.identity))
        neutral, neutral_marks = self.vertices.copy(), self.marks.copy()
        for turn in range(IDENTITY_ROUNDS):
            share = turn / (IDENTITY_ROUNDS - 1)
            pairs = self.pairs(self.sample, FAR[0] + share * (FAR[1] - FAR[0]))
            kept = np.flatnonzero(pairs.keep)
            targets = self.to_ours(self.theirs[self.sample[kept]])
            normals = pairs.normals[kept]
            on_surface = SurfacePoints(
                pairs.points.triangle[kept],
                pairs.points.weights[kept],
                pairs.points.distance[kept],
            )
            rows = np.einsum("knd,nd->nk", on_surface.of(self.identity, self.triangles), normals)
            right = ((targets - on_surface.of(neutral, self.triangles)) * normals).sum(axis=1)
            # Two tables of 68 points mean places a little apart: they only lead the way.
            pull = LANDMARK_PULL * max(0.0, 1.0 - 2.0 * share) + 0.001
            marks = self.identity_marks[:, WITHOUT_JAW].reshape(len(weights), -1).T
            wanted = self.to_ours(self.theirs[self.keypoints[WITHOUT_JAW]])
            off = (wanted - neutral_marks[WITHOUT_JAW]).ravel()
            normal = rows.T @ rows + pull * marks.T @ marks
            # Pairs are many and alike: one in a hundred counts as a measurement of its own.
            prior = IDENTITY_SIGMA**2 * len(kept) / 100.0
            weights = np.linalg.solve(
                normal + prior * np.eye(len(weights)), rows.T @ right + pull * marks.T @ off
            )
            self.vertices = neutral + np.tensordot(weights, self.identity, 1)
            self.marks = neutral_marks + np.tensordot(weights, self.identity_marks, 1)
            self._align_again(kept, on_surface, pull)
        return float(weights @ weights)

    def _align_again(self, kept: Ints, on_surface: SurfacePoints, pull: float) -> None:
        """Fit the similarity to the pairs, slid along the surface no farther than they say."""
        theirs = np.concatenate(
            [self.theirs[self.sample[kept]], self.theirs[self.keypoints[WITHOUT_JAW]]]
        )
        ours = np.concatenate(
            [on_surface.of(self.vertices, self.triangles), self.marks[WITHOUT_JAW]]
        )
        weights = np.concatenate([np.ones(len(kept)), np.full(WITHOUT_JAW_COUNT, 20.0 * pull)])
        self.to_ours = similarity_between(theirs, ours, weights, self.scale)

    def fit_field(self) -> None:
        """Close what is left by a smooth field."""
        smooth = _laplacian(self.triangles, len(self.vertices))
        stiff = smooth.T @ smooth
        for turn, stiffness in enumerate(FIELD_STIFFNESS):
            pairs = self.pairs(slice(None), FAR[1] if turn == 0 else FAR[1] / 2)
            kept = np.flatnonzero(pairs.keep)
            weights = pairs.points.weights[kept]
            points = SurfacePoints(pairs.points.triangle[kept], weights, np.zeros(len(kept)))
            spread = points.operator(self.triangles, len(self.vertices))
            off = self.to_ours(self.theirs[kept]) - points.of(self.vertices, self.triangles)
            self.vertices = self.vertices + _smooth_field(
                _Pull(spread, pairs.normals[kept], off),
                stiff * stiffness,
            )


@dataclass(frozen=True)
class _Pull:
    """Points of ours (rows over our vertices), their normals, and how far theirs lie off."""

    spread: csr_matrix
    normals: Floats
    off: Floats


def _smooth_field(pairs: _Pull, stiff: csr_matrix) -> Floats:
    """Field (V, 3) that closes the pairs, mostly along the normals."""
    count = pairs.spread.shape[1]
    # Pairs per vertex: stiffness then means the same for sparse and dense meshes.
    dense = max(1.0, len(pairs.normals) / count)
    across = hstack([diags(pairs.normals[:, k]) @ pairs.spread for k in range(3)])
    along = ALONG_SURFACE * pairs.spread
    wide = vstack([across, *(_placed(along, k) for k in range(3))]).tocsr()
    right = np.concatenate(
        [
            (pairs.off * pairs.normals).sum(axis=1),
            *(ALONG_SURFACE * pairs.off.T),
        ]
    )
    bending = _blocks(stiff) * dense + 1e-6 * identity(3 * count)
    # Symmetric and positive definite: an ordering for such fills half as much, with no pivoting.
    factors = splu(
        (wide.T @ wide + bending).tocsc(), permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    solved = factors.solve(wide.T @ right)
    moved: Floats = solved.reshape(3, count).T
    return moved


def _placed(block: csr_matrix, k: int) -> csr_matrix:
    """Widen (n, V) to (n, 3V) with ``block`` in the k-th third."""
    empty = csr_matrix(block.shape)
    return hstack([block if i == k else empty for i in range(3)])


def _blocks(matrix: csr_matrix) -> csr_matrix:
    return vstack([_placed(matrix, k) for k in range(3)]).tocsr()


def _laplacian(triangles: Ints, count: int) -> csr_matrix:
    """Each vertex less the mean of its neighbours."""
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    adjacency = coo_matrix((np.ones(len(both)), both.T), (count, count)).tocsr()
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
    return (identity(count) - diags(1.0 / degree) @ adjacency).tocsr()


def _fitted_person(model: FaceModel, mean: Floats, triangles: Ints, keypoints: Ints) -> _Fit:
    """Fit identity, in decimetres unless only another unit makes the face ours."""
    free = _Fit(model, mean, triangles, keypoints)
    person = free.fit_identity()
    fixed = _Fit(model, mean, triangles, keypoints)
    if not fixed.in_decimetres():
        return free
    return free if person < OUR_OWN * fixed.fit_identity() else fixed


def register(model: FaceModel, mean: Floats, triangles: Ints, keypoints: Ints) -> Registration:
    """Find the point of our skin that each vertex of another face is.

    Parameters
    ----------
    model : FaceModel
    mean : ndarray, shape (N, 3)
        The other face at rest: x right, y up, z toward the viewer, any unit and origin.
    triangles : ndarray, shape (F, 3)
    keypoints : ndarray, shape (68,)
        Its vertices at the 68 landmarks.
    """
    fit = _fitted_person(model, mean, triangles, keypoints)
    fit.fit_field()
    pairs = fit.pairs(slice(None), FAR[1] / 2)
    distance = pairs.points.distance[pairs.keep]
    gap = float(np.sqrt((distance**2).mean())) if len(distance) else float("inf")
    return Registration(fit.to_ours, pairs.points, fit.index[fit.triangles], pairs.keep, gap)
