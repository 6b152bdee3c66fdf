# SPDX-License-Identifier: GPL-3.0-or-later
"""The source model: ICT-FaceKit (light), read and made exactly left/right symmetric."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bridge.coefficients import EXPRESSION_NAMES
from bridge.errors import BadInput, MissingHere

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Half-open vertex and face ranges, from the tables in the source's README.
NARROW_FACE = (0, 6706)
FACE = (0, 9409)
SKIN = (0, 11248)
MOUTH_SOCKET = (11248, 13294)
EYE_SOCKETS = (13294, 14062)
GUMS_TONGUE = (14062, 17039)
TEETH = (17039, 21451)
SCLERA_LEFT = (21451, 22221)
NARROW_FACE_FACES = (0, 6560)
SKIN_FACES = (0, 11144)
MOUTH_SOCKET_FACES = (11144, 13226)
GUMS_TONGUE_FACES = (14034, 17006)
TEETH_UPPER_FACES = (17006, 19250)
TEETH_LOWER_FACES = (19250, 21496)

# Only the jaw carries the inside of the mouth; other shapes hold stray offsets there.
JAW_SHAPES = ("jawForward", "jawLeft", "jawOpen", "jawRight")
MERGED = {"browInnerUp": "browInnerUp", "cheekPuff": "cheekPuff"}


@dataclass(frozen=True)
class Kit:
    """The source model in its own units (centimetres) and its own topology.

    Attributes
    ----------
    neutral : (N, 3) float64
        Symmetric neutral face; +y up, +z the way the face looks, x the subject's left.
    faces : (M, 4) int64
        Quads; triangles repeat their first vertex as the fourth index.
    corner_uv : (M, 4, 2) float64
        Texture coordinates of the corners.
    mirror : (N,) int64
        The vertex on the other side; itself on the midline. Up to the teeth; not for eyeballs.
    identity : (K, N, 3) float64
        Offsets; weights are drawn from N(0, 1).
    expression : (52, N, 3) float64
        Offsets in the order of ``EXPRESSION_NAMES``; ``tongueOut`` is still zero.
    lm68 : (68,) int64
        The source's 68 landmarks (Multi-PIE order) as vertices.
    """

    neutral: Floats
    faces: Ints
    corner_uv: Floats
    mirror: Ints
    identity: Floats
    expression: Floats
    lm68: Ints


def read_kit(path: Path, components: int) -> Kit:
    """Read the source and symmetrise neutral and expressions.

    Parameters
    ----------
    path : Path
        ``ict_facekit_light.npz``.
    components : int
        How many identity components to keep, largest first (the source orders them).

    Raises
    ------
    MissingHere
        The file is not there.
    BadInput
        The file lacks an array that the build needs.
    """
    if not path.is_file():
        raise MissingHere(f"no face kit at {path}: pass --ict with the path of its npz")
    with np.load(path, allow_pickle=False) as data:
        try:
            neutral = data["neutral"].astype(np.float64)
            quads = data["faces"].astype(np.int64)
            faces_uv = data["faces_uv"].astype(np.int64)
            uv = data["uv"].astype(np.float64)
            identity = data["id_q"][:components] * data["id_scale"][:components, None, None]
            raw = data["ex_q"] * data["ex_scale"][:, None, None]
            names = [str(n) for n in data["ex_names"]]
            lm68 = data["lm68"].astype(np.int64)
        except KeyError as e:
            raise BadInput(f"{path.name} has no array {e}") from e
    faces = np.where(quads < 0, quads[:, :1], quads)
    corner_uv = uv[np.where(faces_uv < 0, faces_uv[:, :1], faces_uv)]
    mirror = _mirror_map(neutral)
    paired = slice(0, TEETH[1])
    neutral[paired] = (neutral[paired] + neutral[mirror[paired]] * (-1, 1, 1)) / 2
    expression = _symmetric(_arkit(raw, names), mirror)
    return Kit(neutral, faces, corner_uv, mirror, identity, expression, lm68)


def _mirror_map(neutral: Floats) -> Ints:
    """Pair each vertex with the nearest one to its mirror image, range by range."""
    mirror = np.arange(len(neutral))
    for a, b in (SKIN, MOUTH_SOCKET, EYE_SOCKETS, GUMS_TONGUE, TEETH):
        part = neutral[a:b]
        _, near = cKDTree(part).query(part * (-1, 1, 1))
        back = near[near] == np.arange(b - a)
        # A few gum vertices sit askew and are claimed twice; they pair among themselves.
        loose = np.flatnonzero(~back)
        if len(loose):
            _, pick = cKDTree(part[loose]).query(part[loose] * (-1, 1, 1))
            near[loose] = loose[pick]
        if not np.array_equal(near[near], np.arange(b - a)):
            raise BadInput(f"vertices {a}..{b} of the face kit are not symmetric")
        mirror[a:b] = near + a
    return mirror


def _arkit(raw: Floats, names: list[str]) -> Floats:
    """Rename, merge and order the source's shapes as the 52 of the contract."""
    index = {n: i for i, n in enumerate(names)}
    out = np.zeros((len(EXPRESSION_NAMES), *raw.shape[1:]))
    for i, name in enumerate(EXPRESSION_NAMES):
        if name == "tongueOut":
            continue
        if name in MERGED:
            out[i] = raw[index[name + "_L"]] + raw[index[name + "_R"]]
        elif name in index:
            out[i] = raw[index[name]]
        else:
            out[i] = raw[index[name.replace("Left", "_L").replace("Right", "_R")]]
        if name not in JAW_SHAPES:
            out[i, GUMS_TONGUE[0] : TEETH[1]] = 0.0
        out[i, TEETH[1] :] = 0.0
    return out


def other_side(name: str) -> str:
    """Return the name of the shape that mirrors ``name`` (itself if it has no side)."""
    if name.endswith("Left"):
        return name[:-4] + "Right"
    if name.endswith("Right"):
        return name[:-5] + "Left"
    return name


def _symmetric(expression: Floats, mirror: Ints) -> Floats:
    """Average each shape with the mirror image of its partner."""
    partner = [EXPRESSION_NAMES.index(other_side(n)) for n in EXPRESSION_NAMES]
    return (expression + expression[partner][:, mirror] * (-1, 1, 1)) / 2
