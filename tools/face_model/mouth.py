# SPDX-License-Identifier: GPL-3.0-or-later
"""The inside of the mouth: lining and cavity, teeth, gums and tongue."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_NAMES
from tools.face_model import kit as source
from tools.face_model.kit import Floats, Ints, Kit
from tools.face_model.parts import Part, from_kit, thin_symmetric
from tools.face_model.skin import Openings

LINING_COLOUR = (158, 76, 74)
CAVITY_COLOUR = (58, 20, 20)
TOOTH_COLOUR = (236, 228, 210)
TOOTH_ROOT_COLOUR = (222, 204, 176)
GUM_COLOUR = (196, 104, 104)
TONGUE_COLOUR = (188, 98, 98)
TONGUE_UNDER_COLOUR = (160, 70, 76)
TONGUE_TEXTURE = (2.75, 0.2)  # a point of the texture inside the island of the tongue
TARGETS = {"socket": 520, "teeth": 840, "gums_upper": 360, "gums_lower": 380, "tongue": 300}


def mouth_socket(kit: Kit, openings: Openings) -> Part:
    """Make the lining behind the lips and the cavity; its front row is the lip loop."""
    faces = np.concatenate([openings.lip_lining, kit.faces[slice(*source.MOUTH_SOCKET_FACES)]])
    weight = np.full(len(kit.neutral), 0.3)
    weight[np.unique(openings.lip_lining)] = 2.0
    vertices, triangles = thin_symmetric(
        kit, faces, TARGETS["socket"], weight, openings.lip_inner.tolist()
    )
    depth = kit.neutral[openings.lip_inner, 2].max() - kit.neutral[vertices, 2]
    colour = _blend(LINING_COLOUR, CAVITY_COLOUR, (depth - 1.0) / 3.0)
    return from_kit(kit, "mouth_socket", vertices, triangles, colour)


def teeth(kit: Kit) -> list[Part]:
    """Thin both rows of teeth; front teeth keep most of their vertices."""
    parts = []
    for name, faces in (
        ("teeth_upper", kit.faces[slice(*source.TEETH_UPPER_FACES)]),
        ("teeth_lower", kit.faces[slice(*source.TEETH_LOWER_FACES)]),
    ):
        x = np.abs(kit.neutral[:, 0])
        weight = np.interp(x, [1.0, 2.2, 3.0], [4.0, 1.0, 0.2])
        vertices, triangles = thin_symmetric(kit, faces, TARGETS["teeth"], weight, [])
        y = kit.neutral[vertices, 1]
        toward_root = (y - y.min()) / (y.max() - y.min())
        if name == "teeth_lower":
            toward_root = 1.0 - toward_root
        colour = _blend(TOOTH_COLOUR, TOOTH_ROOT_COLOUR, (toward_root - 0.35) / 0.3)
        # Back teeth stand in the shadow of the cheeks.
        colour = _darker_inside(colour, kit.neutral[vertices, 2] + 1.0)
        parts.append(from_kit(kit, name, vertices, triangles, colour))
    return parts


def gums_and_tongue(kit: Kit) -> list[Part]:
    """Split the source's one mesh of gums and tongue and thin the three pieces.

    The tongue is known by its texture island, the lower gums by following the jaw.
    """
    faces = kit.faces[slice(*source.GUMS_TONGUE_FACES)]
    tongue = _tongue_faces(kit)
    jaw = np.linalg.norm(kit.expression[EXPRESSION_NAMES.index("jawOpen")], axis=1)
    lower = (jaw[faces].min(axis=1) > 0.6) & ~tongue
    weight = np.interp(kit.neutral[:, 2], [3.0, 7.0, 9.0], [0.2, 1.0, 2.0])
    parts = []
    for name, chosen in (
        ("gums_upper", ~lower & ~tongue),
        ("gums_lower", lower),
        ("tongue", tongue),
    ):
        vertices, triangles = thin_symmetric(kit, faces[chosen], TARGETS[name], weight, [])
        colour = _blend(GUM_COLOUR, GUM_COLOUR, np.zeros(len(vertices)))
        if name == "tongue":
            colour = _tongue_colour(kit, vertices, faces[chosen])
        colour = _darker_inside(colour, kit.neutral[vertices, 2])
        parts.append(from_kit(kit, name, vertices, triangles, colour))
    return parts


def tongue_vertices(kit: Kit) -> Ints:
    """Return all kit vertices of the tongue."""
    return np.unique(kit.faces[slice(*source.GUMS_TONGUE_FACES)][_tongue_faces(kit)])


def _tongue_faces(kit: Kit) -> NDArray[np.bool_]:
    """Mark the faces of the gum mesh that lie in the tongue's texture island."""
    uv = kit.corner_uv[slice(*source.GUMS_TONGUE_FACES)]
    keys = np.round(uv * 1e5).astype(np.int64).reshape(-1, 2)
    _, corner = np.unique(keys, axis=0, return_inverse=True)
    corner = corner.reshape(-1, 4)
    label = np.arange(corner.max() + 1)
    while True:
        low = label[corner].min(axis=1)
        before = label.copy()
        np.minimum.at(label, corner.ravel(), np.repeat(low, 4))
        if np.array_equal(before, label):
            break
    island = label[corner[:, 0]]
    seed = np.argmin(((uv.mean(axis=1) - TONGUE_TEXTURE) ** 2).sum(axis=1))
    return island == island[seed]


def _tongue_colour(kit: Kit, vertices: Ints, faces: Ints) -> NDArray[np.uint8]:
    """Colour by the way the surface faces: the underside is darker."""
    p = kit.neutral[faces]
    normal = np.cross(p[:, 2] - p[:, 0], p[:, 3] - p[:, 1])
    total = np.zeros(len(kit.neutral))
    np.add.at(total, faces.ravel(), np.repeat(np.sign(normal[:, 1]), 4))
    return _blend(TONGUE_UNDER_COLOUR, TONGUE_COLOUR, 0.5 + total[vertices] / 4)


def _darker_inside(colour: NDArray[np.uint8], z: Floats) -> NDArray[np.uint8]:
    """Darken toward the throat, where little light gets: z 9 cm and more is full colour."""
    light = np.interp(z, [4.0, 6.5, 9.0], [0.3, 0.6, 1.0])
    return np.round(colour * light[:, None]).astype(np.uint8)


def _blend(a: tuple[int, int, int], b: tuple[int, int, int], share: Floats) -> NDArray[np.uint8]:
    t = np.clip(share, 0, 1)[:, None]
    return np.round(np.array(a) * (1 - t) + np.array(b) * t).astype(np.uint8)
