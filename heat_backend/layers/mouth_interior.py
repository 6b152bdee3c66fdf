# SPDX-License-Identifier: GPL-3.0-or-later
"""Geometry and colours of the inside of the mouth: teeth, gums, tongue and cavity.

``build_mouth`` takes the model's inner parts, lights and colours them like the photo, and adds the
part of the photo between open lips. ``TonguePath`` leads the tongue over teeth and lip when it is
put out. Axes of the picture, model units (outer-eye distances).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel
from bridge.ramps import smoothstep
from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.polygon_mask import outline_patch
from heat_backend.layers.mouth_colours import brighter_by_teeth, mouth_colours, photographed_teeth
from heat_backend.layers.photographed_mouth import PhotographedMouth, build_photographed_mouth
from heat_backend.layers.portrait_mesh import PortraitMesh

PARTS = (
    "teeth_upper",
    "teeth_lower",
    "gums_upper",
    "gums_lower",
    "tongue",
    "mouth_socket",
)
JAW_OPEN = EXPRESSION_INDEX["jawOpen"]
# Model units at jawOpen 1, set by eye on photos of open mouths.
LOWER_TEETH_RISE, UPPER_TEETH_DROP = 0.065, 0.028
CAVITY = (54.0, 21.0, 18.0)  # RGB of the backdrop under the reference light: dark flesh
TONGUE_SIDEWAYS = 0.4  # a turned head's tongue comes out toward the viewer, not past the corner
THIN_RIM = 0.15  # the same at most, of the height of the opening
RIM = 0.02  # outer-eye distances: lip that the inner contour still holds


Floats = NDArray[np.float32]

SLICES = 10  # of the tongue, from root to tip
MIDDLE = 0.12  # outer-eye distances from the middle to where a tooth is a front tooth
# Outer-eye distances, by eye.
RISES_WITHIN = 0.16  # behind the lower teeth: where the tongue rises to their edge
LIP_DEEP = 0.05  # from the lip's inner contour to where it begins to fall away
HANGS = 1.3  # slope at most of the tongue past the lip
THINNEST = 0.045  # a tongue pressed flat between the teeth
SUNK = 0.012  # a soft tongue lies so deep in teeth and lip


@dataclass(frozen=True)
class TonguePath:
    """What of a mouth's vertices is needed to lead its tongue out.

    Attributes
    ----------
    members : ndarray of int, shape (M,)
        The tongue's vertices.
    slice_of : ndarray of int, shape (M,)
        Its slice, 0 at the root.
    along : ndarray, shape (M,), float32
        The same without steps.
    lower_teeth, upper_teeth : ndarray of int
        The front teeth's vertices.
    lower_lip : int
        Vertex in the middle of that lip's inner contour.
    """

    members: NDArray[np.intp]
    slice_of: NDArray[np.intp]
    along: Floats
    lower_teeth: NDArray[np.intp]
    upper_teeth: NDArray[np.intp]
    lower_lip: int

    def lifted(self, points: Floats, forward: Floats, up: Floats) -> Floats:
        """Lay the tongue over teeth and lip.

        Parameters
        ----------
        points : ndarray, shape (N, 3), float32
            The mouth's vertices with their expression, before the head turns.
        forward, up : ndarray, shape (3,), float32
            Axes of the head.

        Returns
        -------
        ndarray, shape (N, 3), float32
        """
        ahead, height = points @ forward, points @ up
        own_ahead, own = ahead[self.members], height[self.members]
        at, bottom, top = (np.empty(SLICES, np.float32) for _ in range(3))
        for k in range(SLICES):
            inside = self.slice_of == k
            at[k] = own_ahead[inside].mean()
            bottom[k], top[k] = own[inside].min(), own[inside].max()
        floor, near = self._floor(ahead, height, at)
        ceiling = max(float(height[self.upper_teeth].min()), float(height[self.lower_lip]))
        lift = near * np.maximum(0.0, floor - bottom)
        thick = np.maximum(top - bottom, 1e-4)
        room = np.maximum(THINNEST, ceiling - bottom - lift)
        flatter = 1.0 - near * (1.0 - np.minimum(1.0, room / thick))
        steps = np.arange(SLICES)
        low = np.interp(self.along, steps, bottom)
        raised = np.interp(self.along, steps, _evened(lift))
        squeezed = np.interp(self.along, steps, _evened(flatter))
        new = low + raised + (own - low) * squeezed
        out = points.copy()
        out[self.members] += (new - own)[:, None].astype(np.float32) * up
        return out

    def _floor(
        self, ahead: Floats, height: Floats, at: Floats
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Height of what lies under places (K,) ahead, and how much it counts there, 0..1."""
        edge = self.lower_teeth[int(np.argmax(height[self.lower_teeth]))]
        teeth, lip = float(ahead[edge]), float(ahead[self.lower_lip])
        falls = max(lip, teeth + 0.01) + LIP_DEEP
        heights = float(height[edge]) - SUNK, float(height[self.lower_lip]) - SUNK
        floor = np.interp(at, [teeth, max(lip, teeth + 0.01)], heights)
        floor -= HANGS * np.maximum(0.0, at - falls)
        return floor, smoothstep(teeth - RISES_WITHIN, teeth, at)


@dataclass(frozen=True)
class MouthLayer:
    """Geometry behind the lips, and what the photo itself shows of it.

    Attributes
    ----------
    rest : ndarray, shape (N, 3), float32
    deltas : ndarray, shape (53, N, 3), float32
    look : ndarray, shape (N, 5), float32
        Lit colour r, g, b in 0..255, 1 on the tongue, 1 where the lips turn inward.
    look_out : ndarray, shape (N, 3), float32
        Lit colour with the tongue out.
    triangles : ndarray, shape (T, 3), int32
    photographed : PhotographedMouth or None
        What the photo shows between its lips; None where they are closed.
    forward : ndarray, shape (3,), float32
        Where the face looks in the photo.
    up : ndarray, shape (3,), float32
        Its upward axis.
    path : TonguePath
    """

    rest: NDArray[np.float32]
    deltas: NDArray[np.float32]
    look: NDArray[np.float32]
    look_out: NDArray[np.float32]
    triangles: NDArray[np.int32]
    photographed: PhotographedMouth | None
    forward: NDArray[np.float32]
    up: NDArray[np.float32]
    path: TonguePath


def build_mouth(
    model: FaceModel,
    posed: PosedModel,
    photo: NDArray[np.uint8],
    mesh: PortraitMesh,
    light: NDArray[np.float64],
    corrections: Corrections = ALL_CORRECTIONS,
) -> MouthLayer:
    """Build the layer.

    Parameters
    ----------
    model : FaceModel
    posed : PosedModel
    photo : ndarray, shape (H, W, 3), uint8
    mesh : PortraitMesh
    light : ndarray, shape (3,)
        How white things are lit, see :func:`heat_backend.layers.mouth_colours.exposure`: skin
        is no measure of how brightly teeth are lit.
    """
    wanted = np.isin(model.triangle_part, [PART_NAMES.index(name) for name in PARTS])
    kept, flat = np.unique(model.triangles[wanted], return_inverse=True)
    triangles = flat.reshape(-1, 3).astype(np.int32)
    rest = posed.rest[kept]
    outline = mesh.mouth.outline(mesh.pixels)
    tone = None
    if corrections.mouth_light:
        tone = photographed_teeth(*_own_opening(photo, outline, posed.unit))
    light = light * brighter_by_teeth(model, kept, light, tone)
    colours = mouth_colours(model, posed, kept, triangles, photo, light, tone)
    tongue = (model.vertex_part[kept] == PART_NAMES.index("tongue")).astype(np.float64)
    look = np.column_stack([colours.inside, tongue, colours.lining])
    back, back_triangles = _backdrop(rest, len(kept))
    # Only for its place: the tongue comes out over it.
    lip = middle_of_lower_lip(model)
    cavity = np.tile([*(np.array(CAVITY) * light), 0.0, 0.0], (len(back) + 1, 1))
    still = np.zeros((len(posed.deltas), len(back), 3), np.float32)
    deltas = posed.deltas[:, kept].copy()
    deltas[EXPRESSION_INDEX["tongueOut"], :, 0] *= TONGUE_SIDEWAYS
    if corrections.bared_teeth:
        rise = teeth_rise(model, kept)
        deltas[JAW_OPEN] += rise[:, None] * posed.rotation[:, 1].astype(np.float32)
    photographed = None
    if corrections.photographed_mouth:
        photographed = build_photographed_mouth(photo, posed, mesh, _teeth_front(model, posed))
    return MouthLayer(
        rest=np.concatenate([rest, back, posed.rest[[lip]]]).astype(np.float32),
        deltas=np.concatenate([deltas, still, posed.deltas[:, [lip]]], axis=1),
        look=np.concatenate([look, cavity]).astype(np.float32),
        look_out=np.concatenate([colours.out, cavity[:, :3]]).astype(np.float32),
        triangles=np.concatenate([triangles, back_triangles]).astype(np.int32),
        photographed=photographed,
        forward=posed.rotation[:, 2].astype(np.float32),
        up=posed.rotation[:, 1].astype(np.float32),
        path=tongue_path(model, kept, len(kept) + len(back)),
    )


def teeth_rise(model: FaceModel, kept: NDArray[np.integer]) -> NDArray[np.float32]:
    """Heights (N,), model units, by which teeth move toward the opening at ``jawOpen`` 1.

    For: all photos. The model's lips cover its teeth as the jaw opens; people's slacken and bare
    the tops of the lower teeth and the edge of the upper ones.
    """
    rise = np.zeros(len(PART_NAMES), np.float32)
    for name in ("teeth_lower", "gums_lower", "tongue"):
        rise[PART_NAMES.index(name)] = LOWER_TEETH_RISE
    for name in ("teeth_upper", "gums_upper"):
        rise[PART_NAMES.index(name)] = -UPPER_TEETH_DROP
    return np.asarray(rise[model.vertex_part[kept]], np.float32)


def _backdrop(
    rest: NDArray[np.floating], start: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Make a dark plane behind everything, so that the opening has no hole."""
    low, high = rest.min(axis=0), rest.max(axis=0)
    reach = 0.4 * (high - low)
    xs, ys = (low[0] - reach[0], high[0] + reach[0]), (low[1] - reach[1], high[1] + reach[1])
    back = np.array([[x, y, low[2]] for y in ys for x in xs])
    return back, np.array([[0, 1, 2], [2, 1, 3]], np.int32) + start


def _teeth_front(model: FaceModel, posed: PosedModel) -> float:
    """Depth of the front of the upper teeth."""
    teeth = posed.rest[model.vertex_part == PART_NAMES.index("teeth_upper")]
    return float(np.percentile(teeth[:, 2], 85))


def _own_opening(
    photo: NDArray[np.uint8], opening: NDArray[np.floating], unit: float
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32]]:
    """Crop of the photo around its own opening, with a mask for its core."""
    patch = outline_patch(opening, photo.shape[1], photo.shape[0], margin=6)
    if patch is None:
        return None, np.zeros((1, 1), np.float32)
    h, w = patch.mask.shape
    own = photo[patch.top : patch.top + h, patch.left : patch.left + w].astype(np.float32)
    # A thin opening keeps most of its height: its teeth are what the eye goes to.
    height = float(patch.mask.sum(axis=0).max())
    rim = max(1, round(min(RIM * unit, THIN_RIM * height)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    core = cv2.GaussianBlur(cv2.erode(patch.mask, disc), (0, 0), max(0.6, 0.7 * rim))
    return own, core.astype(np.float32)


def _evened(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Smooth over neighbouring slices."""
    padded = np.pad(values.astype(np.float64), 1, mode="edge")
    return np.asarray(np.convolve(padded, [0.25, 0.5, 0.25], mode="valid"))


def tongue_path(model: FaceModel, kept: NDArray[np.integer], lower_lip: int) -> TonguePath:
    """Find the tongue and the front teeth among a mouth's vertices.

    Parameters
    ----------
    model : FaceModel
    kept : ndarray of int, shape (N,)
        The mouth's vertices among the model's.
    lower_lip : int
        The mouth's vertex in the middle of the lower lip.
    """
    part = np.array(PART_NAMES)[model.vertex_part[kept]]
    members = np.flatnonzero(part == "tongue")
    order = np.argsort(np.argsort(model.vertices[kept[members], 2]))
    along = order * SLICES / len(members)
    middle = np.abs(model.vertices[kept, 0]) < MIDDLE
    return TonguePath(
        members=members,
        slice_of=along.astype(int),
        along=np.clip(along - 0.5, 0.0, SLICES - 1.0).astype(np.float32),
        lower_teeth=np.flatnonzero(middle & (part == "teeth_lower")),
        upper_teeth=np.flatnonzero(middle & (part == "teeth_upper")),
        lower_lip=lower_lip,
    )


def middle_of_lower_lip(model: FaceModel) -> int:
    """Vertex of the model in the middle of its lower inner lip."""
    run = model.lip_inner[model.lip_upper_count :]
    return int(run[np.argmin(np.abs(model.vertices[run, 0]))])
