# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shipped face model: neutral head, identity basis, 52 expressions, landmarks.

Frame of all coordinates: x to the subject's left (image right), y up, z toward the viewer
(the axes of the contract). Unit: the distance between the outer eye corners of the neutral.
Origin: the head's pivot, where the skull sits on the neck. Left and right are the subject's.

Sources and licence: NOTICE. The build script is ``tools/face_model/build.py``.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .coefficients import EXPRESSION_INDEX, EXPRESSION_NAMES
from .errors import BadInput

FORMAT = "heat-face-model"
VERSION = 1

PART_NAMES: tuple[str, ...] = (
    "face",  # skin from forehead to chin, ear to ear
    "head",  # scalp, ears, back of the head
    "neck",
    "eye_left",
    "eye_right",
    "teeth_upper",
    "teeth_lower",
    "gums_upper",
    "gums_lower",
    "tongue",
    "mouth_socket",  # lining of the lips and the cavity, from the loop lip_inner inward
    "lid_margin_left",  # wet rim from the loop lid_left to the eyeball
    "lid_margin_right",
)
SKIN_PARTS: tuple[str, ...] = ("face", "head", "neck")

# Turn of the eyeball at eyeLook* = 1, in degrees. Authored: a comfortable, clearly readable
# glance; the eye itself could reach about 45. Vertical ones match the lids' own travel.
GAZE_DEGREES = {"In": 30.0, "Out": 30.0, "Up": 25.0, "Down": 30.0}


@dataclass(frozen=True)
class FaceModel:
    """The model as arrays; see the module text for frame and unit.

    Attributes
    ----------
    vertices : (V, 3) float32
        Neutral head.
    triangles : (F, 3) int32
        Counter-clockwise seen from outside.
    triangle_part, vertex_part : (F,), (V,) uint8
        Index into ``PART_NAMES``. Face, head and neck are one connected surface: a triangle
        across a seam belongs to one side, its vertices may belong to the other. All other
        parts have vertices of their own, which coincide with the skin's along the loops.
    vertex_albedo : (V, 3) uint8
        Authored sRGB colours.
    identity : (K, V, 3) float32
        Offsets; weights are distributed as N(0, 1), components ordered by size.
    expression : (52, V, 3) float32
        Offsets at coefficient 1, in the order of ``EXPRESSION_NAMES``. ``mouthClose`` is a
        corrective that closes the lips of an open jaw: it is meant to be at most ``jawOpen``
        (with both at 1 the lips overlap by 0.07) and crosses the lips when it stands alone.
        ``eyeLook*`` move the lids only: eyeballs are turned, see ``gaze_angles``.
        ``eyeBlink*`` close the neutral's eyes; ``face_blink.personal_expression`` fits others.
    lip_inner : (L,) int32
        Border of the mouth opening, a closed loop of vertices of part ``face``: the
        subject's right corner, the upper lip, the left corner, the lower lip.
    lip_upper_count : int
        The first so many of the loop are the upper run, both corners included.
    lid_left, lid_right : (M,) int32
        Borders of the eye openings: inner corner, upper lid, outer corner, lower lid.
        Entry i of one is the mirror image of entry i of the other.
    lid_upper_count : int
        The first so many of either loop are the upper run, both corners included.
    landmark_triangle : (468,) int32
        Triangle that holds MediaPipe FaceMesh landmark i.
    landmark_weights : (468, 3) float32
        Barycentric weights in that triangle.
    eye_center : (2, 3) float32
        Centres of the eyeballs of the neutral, left then right.
    eye_center_identity : (K, 2, 3) float32
        How identity moves them.
    eye_radius : (2,) float32
    eye_radius_identity : (K, 2) float32
        How identity changes the radii (already contained in ``identity``).
    iris_angle : float
        Half angle of the iris seen from the eyeball's centre, radians.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    triangle_part: NDArray[np.uint8]
    vertex_part: NDArray[np.uint8]
    vertex_albedo: NDArray[np.uint8]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    lip_inner: NDArray[np.int32]
    lip_upper_count: int
    lid_left: NDArray[np.int32]
    lid_right: NDArray[np.int32]
    lid_upper_count: int
    landmark_triangle: NDArray[np.int32]
    landmark_weights: NDArray[np.float32]
    eye_center: NDArray[np.float32]
    eye_center_identity: NDArray[np.float32]
    eye_radius: NDArray[np.float32]
    eye_radius_identity: NDArray[np.float32]
    iris_angle: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the 52 expressions, in the order of ``expression``."""
        return EXPRESSION_NAMES

    def part(self, *names: str) -> Submesh:
        """Return the named parts as a mesh of their own.

        Parameters
        ----------
        *names : str
            From ``PART_NAMES``; ``model.part(*SKIN_PARTS)`` is the skin alone.

        Raises
        ------
        BadInput
            A name is unknown.
        """
        for name in names:
            if name not in PART_NAMES:
                raise BadInput(f"no part {name!r} in the face model: {', '.join(PART_NAMES)}")
        wanted = np.isin(self.triangle_part, [PART_NAMES.index(n) for n in names])
        index, corners = np.unique(self.triangles[wanted], return_inverse=True)
        return Submesh(
            index.astype(np.int32),
            self.vertices[index],
            corners.reshape(-1, 3).astype(np.int32),
            self.expression[:, index],
            self.vertex_albedo[index],
        )

    def skin(self) -> Submesh:
        """Return face, head and neck: what a rig's shape keys are compared with."""
        return self.part(*SKIN_PARTS)


@dataclass(frozen=True)
class Submesh:
    """Some parts of the model, renumbered.

    Attributes
    ----------
    index : (n,) int32
        Vertex of the whole model behind each vertex.
    vertices : (n, 3) float32
    triangles : (m, 3) int32
        Over the n vertices.
    expression : (52, n, 3) float32
    albedo : (n, 3) uint8
    """

    index: NDArray[np.int32]
    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    expression: NDArray[np.float32]
    albedo: NDArray[np.uint8]


@lru_cache(maxsize=1)
def load() -> FaceModel:
    """Load the shipped model; the second call returns the same object.

    Returns
    -------
    FaceModel
        Its arrays are read-only, because every caller shares them.

    Raises
    ------
    BadInput
        The file beside this module is damaged.
    """
    return read(Path(__file__).with_name("face_model.npz"))


def read(path: Path) -> FaceModel:
    """Read a model file written by ``tools.face_model.build``.

    Raises
    ------
    BadInput
        Not a face model, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {k: data[k] for k in data.files}
        if str(arrays["format"]) != FORMAT or int(arrays["version"]) != VERSION:
            raise BadInput(f"{path.name} is not a face model of version {VERSION}")
        return _decode(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as e:
        raise BadInput(f"the face model {path.name} cannot be read ({e}): reinstall Heat") from e


def _decode(arrays: dict[str, NDArray]) -> FaceModel:
    vertices = arrays["vertices"]
    steps = arrays["identity_step"]
    fine, coarse = arrays["identity_fine"], arrays["identity_coarse"]
    identity = np.concatenate([fine.astype(np.float32), coarse.astype(np.float32)])
    identity *= steps[:, None, None]
    expression = np.zeros((len(EXPRESSION_NAMES), *vertices.shape), dtype=np.float32)
    shape_of = np.repeat(np.arange(len(EXPRESSION_NAMES)), arrays["expression_count"])
    offsets = arrays["expression_offset"].astype(np.float32) * arrays["expression_step"]
    expression[shape_of, arrays["expression_vertex"]] = offsets
    decoded: dict[str, NDArray] = {
        "vertices": vertices,
        "triangles": arrays["triangles"].astype(np.int32),
        "identity": identity,
        "expression": expression,
    }
    for name in (
        "triangle_part",
        "vertex_part",
        "vertex_albedo",
        "lip_inner",
        "lid_left",
        "lid_right",
        "landmark_triangle",
        "landmark_weights",
        "eye_center",
        "eye_center_identity",
        "eye_radius",
        "eye_radius_identity",
    ):
        decoded[name] = arrays[name]
    for array in decoded.values():
        array.flags.writeable = False
    return FaceModel(
        **decoded,
        lip_upper_count=int(arrays["lip_upper_count"]),
        lid_upper_count=int(arrays["lid_upper_count"]),
        iris_angle=float(arrays["iris_angle"]),
    )


def shape(
    model: FaceModel, identity_weights: ArrayLike, expression: ArrayLike
) -> NDArray[np.float32]:
    """Return the head of one person with one expression; eyeballs look straight ahead.

    Parameters
    ----------
    model : FaceModel
    identity_weights : (k,) float
        Weights of the first k <= K components; empty for the neutral person.
    expression : (52,) float
        Coefficients, 0 = neutral.

    Returns
    -------
    (V, 3) float32

    Raises
    ------
    BadInput
        Too many identity weights, or not 52 coefficients.
    """
    weights = np.asarray(identity_weights, dtype=np.float32).ravel()
    values = np.asarray(expression, dtype=np.float32).ravel()
    if len(weights) > len(model.identity):
        raise BadInput(f"{len(weights)} identity weights for {len(model.identity)} components")
    if len(values) != len(EXPRESSION_NAMES):
        raise BadInput(f"expression has {len(values)} values, not {len(EXPRESSION_NAMES)}")
    count = model.vertices.size
    out = model.vertices.reshape(-1).copy()
    if len(weights):
        out += weights @ model.identity[: len(weights)].reshape(-1, count)
    used = np.flatnonzero(values)
    if len(used):
        out += values[used] @ model.expression[used].reshape(-1, count)
    return out.reshape(-1, 3)


def gaze_angles(expression: ArrayLike) -> NDArray[np.float32]:
    """Return how far each eyeball is turned.

    Parameters
    ----------
    expression : (52,) float
        Coefficients; only ``eyeLook*`` count. One side's In and Out, Up and Down cancel.

    Returns
    -------
    (2, 2) float32
        Pitch and yaw in radians of the left, then the right eyeball, in the sense of the
        contract: +pitch looks down, +yaw turns to the subject's left (image right).
        1 means 30 degrees In, Out and Down, 25 degrees Up.
    """
    values = np.asarray(expression, dtype=np.float32)
    out = np.zeros((2, 2), dtype=np.float32)
    for i, (side, outward) in enumerate((("Left", 1.0), ("Right", -1.0))):
        turn = {
            k: float(values[EXPRESSION_INDEX[f"eyeLook{k}{side}"]]) * np.radians(degrees)
            for k, degrees in GAZE_DEGREES.items()
        }
        out[i] = turn["Down"] - turn["Up"], outward * (turn["Out"] - turn["In"])
    return out


def landmarks(model: FaceModel, vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the FaceMesh landmarks of a shaped head.

    Parameters
    ----------
    model : FaceModel
    vertices : (V, 3) float
        From ``shape``, or posed.

    Returns
    -------
    (468, 3) of the same type
    """
    corners = vertices[model.triangles[model.landmark_triangle]]
    return np.einsum("nk,nkd->nd", model.landmark_weights.astype(vertices.dtype), corners)


def eyes(
    model: FaceModel, identity_weights: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return centres (2, 3) and radii (2,) of the eyeballs of one person, left then right.

    Parameters
    ----------
    model : FaceModel
    identity_weights : (k,) float
        As for ``shape``.
    """
    weights = np.asarray(identity_weights, dtype=np.float32).ravel()
    k = len(weights)
    centre = model.eye_center + np.einsum("k,kij->ij", weights, model.eye_center_identity[:k])
    return centre, model.eye_radius + weights @ model.eye_radius_identity[:k]
