# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing a prepared portrait's shape: identity offsets join what expressions add."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel, landmarks
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.layers.eyeballs import EyeLayer
from heat_backend.layers.mouth_interior import PARTS as MOUTH_PARTS
from heat_backend.layers.mouth_interior import MouthLayer
from heat_backend.layers.photographed_mouth import PhotographedMouth
from heat_backend.layers.portrait_mesh import PortraitMesh
from heat_backend.layers.rendered_landmarks import LandmarkRig

Field = NDArray[np.float32]

# The eyes' corners stay where they are as a group: an edit changes a face and does not move it.
ANCHOR = [33, 133, 362, 263]
NEAR = 6
LEAST_WEIGHT = 1e-4
AROUND = 64  # vertices of the skin that together carry what is off it
ON_SKIN = 0.003  # outer-eye distances: how nearly a place on a vertex takes that one's alone
SPREAD = 0.12
DEPTH_COUNTS = 0.35
CARRIED = 0.1  # outer-eye distances beyond the skin to where its change is taken whole
FADE = 0.35  # and over which it dies out
NECK_FADE = 0.3  # outer-eye distances down the neck over which edits of the face die out
HELD_BELOW = 0.1, 0.8  # of the head's pose: what takes less belongs to the shoulders or the frame
IRIS_SHARE = 0.6  # how far an iris grows with its opening


@dataclass(frozen=True)
class ShapedLayers:
    """What of a portrait's layers has a shape."""

    mesh: PortraitMesh
    mouth: MouthLayer
    eyes: dict[str, EyeLayer]
    landmarks: LandmarkRig


class ShapeEditor:
    """Adds identity to a portrait's rest shape; its tables are made when first used.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    own : ShapedLayers
        The portrait as photographed.
    """

    def __init__(self, model: FaceModel, posed: PosedModel, own: ShapedLayers) -> None:
        self._model = model
        self._rest = posed.rest.astype(np.float32)
        self._rotation = posed.rotation.astype(np.float32)
        self._own = own

    def shaped(self, identity: NDArray[np.float32], neck: NDArray[np.float32]) -> ShapedLayers:
        """Return the portrait with identity weights (K,) added.

        ``neck`` is what of it moves the neck, too: all of a person's neck goes with the face, but
        an edit of the nose should not move the hair and the collar below.
        """
        if not identity.any():
            return self._own
        own = self._own
        field = np.tensordot(identity - neck, self._basis, 1) * self._above_neck[:, None]
        field += np.tensordot(neck, self._basis, 1)
        rest = own.mesh.rest + np.asarray(self._carriers @ field, np.float32)
        at_landmarks = np.asarray(landmarks(self._model, field), np.float32)
        return ShapedLayers(
            replace(own.mesh, rest=rest),
            self._mouth(field),
            {side: self._eye(side, identity, field) for side in own.eyes},
            replace(own.landmarks, rest=own.landmarks.rest + at_landmarks),
        )

    @cached_property
    def _anchor(self) -> Field:
        """Where each component (K, 3) moves the eyes' corners as a group, head axes."""
        corners = [landmarks(self._model, field)[ANCHOR] for field in self._model.identity]
        return np.asarray(np.stack(corners).mean(axis=1), np.float32)

    @cached_property
    def _basis(self) -> Field:
        """Offsets (K, V, 3) of the model's components, picture axes."""
        anchored = self._model.identity - self._anchor[:, None]
        return np.asarray(anchored @ self._rotation.T, np.float32)

    @cached_property
    def _above_neck(self) -> NDArray[np.float32]:
        """1 at vertices (V,) of face and head, falling to 0 down the neck."""
        model = self._model
        on_neck = model.vertex_part == PART_NAMES.index("neck")
        distance, _ = cKDTree(model.vertices[~on_neck]).query(model.vertices)
        return np.exp(-((distance / NECK_FADE) ** 2)).astype(np.float32)

    @cached_property
    def _carriers(self) -> csr_matrix:
        """By how much (N, V) each vertex of the skin carries each of the mesh."""
        mesh, model = self._own.mesh, self._model
        skin = np.flatnonzero(np.isin(model.vertex_part, [PART_NAMES.index(n) for n in SKIN_PARTS]))
        # The depth of hair is a guess, and its sheet bends away at the outline.
        flat = np.array((1.0, 1.0, DEPTH_COUNTS), np.float32)
        distance, nearest = cKDTree(self._rest[skin] * flat).query(mesh.rest * flat, k=AROUND)
        # On the skin one vertex decides, off it many: hair bends and has no kinks.
        weight = np.exp(
            -((distance / (ON_SKIN + distance[:, :1] + SPREAD * (distance[:, :1] > ON_SKIN))) ** 2)
        )
        weight /= weight.sum(axis=1, keepdims=True)
        beyond = np.maximum(0.0, distance[:, :1] - CARRIED)
        weight *= np.exp(-(beyond**2) / (2 * FADE**2))
        weight *= smoothstep(*HELD_BELOW, mesh.follow)[:, None]
        rows = np.repeat(np.arange(len(weight)), AROUND)
        kept = (weight > LEAST_WEIGHT).ravel()
        entries = weight.astype(np.float32).ravel()[kept], (rows[kept], skin[nearest].ravel()[kept])
        carried = csr_matrix(entries, (len(weight), len(self._rest)))
        return (mesh.evened_rim() @ carried).astype(np.float32)

    def _mouth(self, field: Field) -> MouthLayer:
        mouth, model = self._own.mouth, self._model
        wanted = np.isin(model.triangle_part, [PART_NAMES.index(name) for name in MOUTH_PARTS])
        kept = np.unique(model.triangles[wanted])
        moved = field[kept]
        backdrop = np.tile(moved.mean(axis=0), (len(mouth.rest) - len(kept), 1))
        photographed = mouth.photographed
        if photographed is not None:
            photographed = self._own_mouth(photographed, field)
        return replace(
            mouth,
            rest=mouth.rest + np.concatenate([moved, backdrop]).astype(np.float32),
            photographed=photographed,
        )

    def _own_mouth(self, own: PhotographedMouth, field: Field) -> PhotographedMouth:
        """Let what the photo shows between the lips stretch with them."""
        loop = self._model.lip_inner
        distance, nearest = cKDTree(self._rest[loop, :2]).query(own.rest[:, :2], k=NEAR)
        weight = 1.0 / (distance + 0.01) ** 2
        weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        moved = np.einsum("nkc,nk->nc", field[loop][nearest], weight)
        moved[:, 2] = 0.0
        return replace(own, rest=own.rest + moved)

    def _eye(self, side: str, identity: NDArray[np.float32], field: Field) -> EyeLayer:
        eye, model = self._own.eyes[side], self._model
        k = 0 if side == "left" else 1
        moved = identity @ (model.eye_center_identity[:, k] - self._anchor)
        loop = model.lid_left if side == "left" else model.lid_right
        corners = loop[[0, model.lid_upper_count - 1]]
        before, after = (
            float(np.linalg.norm(np.diff(at[corners], axis=0)))
            for at in (self._rest, self._rest + field)
        )
        return replace(
            eye,
            center=eye.center + (self._rotation @ moved).astype(np.float32),
            enlarged=(after / max(before, 1e-6)) ** IRIS_SHARE,
        )
