# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyeballs and the inside of the mouth, composited into a frame through their openings.

An eyeball is a textured sphere, looked up turned back to where the photo shows it. The mouth is
the face model's own, rasterised with the portrait's colours, and over it, as far as it fits, what
the photo shows between the lips. A tongue that comes out is drawn in front of the lips.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bridge.coefficients import EXPRESSION_INDEX
from heat_backend.geometry.camera import Camera
from heat_backend.geometry.head_pose import HeadPose, apply_blendshapes, apply_head_pose
from heat_backend.geometry.polygon_mask import Patch, contact_shade
from heat_backend.geometry.rasterizer import FAR, raster_attributes
from heat_backend.layers.eyeballs import RIM, SHADE_LEAST, SHADE_REACH, EyeLayer, soften
from heat_backend.layers.mouth_interior import MouthLayer
from heat_backend.layers.photographed_mouth import PhotographedMouth

# Tuned by eye on the test portraits; lengths are outer-eye distances unless said otherwise.
CLEAN_FROM = np.radians(5.0)  # a turn from which an eye has its clean texture, without lid shade
RIM_LOW, RIM_RANGE = 0.62, 0.33  # of a softened outline: where the eyeball begins, until it is full
LIPS_SETTLED = 0.012  # move of the lips by which their rim lets go of the photo's teeth
LIP_SHADE_REACH = 0.045
LIP_SHADE_LEAST = 0.55  # light right under the lips, of full light
TONGUE_OUT = EXPRESSION_INDEX["tongueOut"]
TONGUE_ROOM = 0.05  # behind the lower lip: from where the tongue lies on it
TONGUE_LIT = 0.25  # behind the lips: from where light reaches a tongue
TONGUE_EDGE = 0.8  # pixels of softness: its outline is not cut by the lips
TONGUE_SHADE, TONGUE_SHADE_REACH = 0.3, 0.02  # of the lip under it
TONGUE_REACH = 0.5  # that a tongue reaches beyond the lips at most
MOUTH_SOFT = 0.004  # blur of the rendered mouth
TONGUE_RAMP = 2.0  # over the weight of ``tongueOut``: half of it brings the tongue between the lips


def composite_eye(
    out: NDArray[np.uint8],
    patch: Patch,
    eye: EyeLayer,
    camera: Camera,
    pose: HeadPose,
    gaze: NDArray[np.float32],
    lids_moved: float,
) -> None:
    """Composite one eyeball through its lids' outline.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
    patch : Patch
        The posed eye opening.
    eye : EyeLayer
    camera : Camera
    pose : HeadPose
    gaze : ndarray, shape (3, 3), float32
        Turn of the eyeball in its head, against the photo.
    lids_moved : float
        How far the lids moved against the head, pixels.
    """
    center = apply_head_pose(eye.center[None], pose)[0]
    at = camera.project(center).astype(np.float32)
    grown = (camera.distance - float(eye.center[2])) / (camera.distance - float(center[2]))
    grown *= eye.enlarged
    shade = contact_shade(patch.mask, SHADE_REACH * eye.width_px * grown, SHADE_LEAST)
    inner = rim_mask(patch.mask, RIM * eye.width_px * grown)
    turned = float(
        np.linalg.norm(gaze - np.eye(3)) / CLEAN_FROM + lids_moved / (RIM * eye.width_px)
    )
    turned = min(1.0, turned)
    texture = eye.texture if turned == 0.0 else eye.texture + turned * (eye.clean - eye.texture)
    back = np.ascontiguousarray((pose.rotation @ gaze).T, np.float32)
    _composite_ball(
        out,
        inner,
        patch.left,
        patch.top,
        texture,
        eye.left,
        eye.top,
        eye.center_px,
        eye.radius_px,
        at,
        eye.radius_px * grown,
        back,
        shade,
    )


def rim_mask(mask: NDArray[np.float32], rim: float) -> NDArray[np.float32]:
    """Shrink an eye's outline softly by the rim, which moves with the lids."""
    inner: NDArray[np.float32] = np.clip((soften(mask, rim) - RIM_LOW) / RIM_RANGE, 0.0, 1.0) * mask
    return inner


@njit(cache=True, fastmath=True)
def _composite_ball(
    out: NDArray[np.uint8],
    mask: NDArray[np.float32],
    left: int,
    top: int,
    texture: NDArray[np.float32],
    texture_left: int,
    texture_top: int,
    home: NDArray[np.float32],
    home_radius: float,
    at: NDArray[np.float32],
    radius: float,
    back: NDArray[np.float32],
    shade: NDArray[np.float32],
) -> None:
    """Look each pixel up on the ball, turned back to where the photo shows it."""
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            m = mask[i, j]
            if m <= 0.0:
                continue
            x = (left + j - at[0]) / radius
            y = (at[1] - top - i) / radius
            d = x * x + y * y
            # A ball's front, flattened outside so that the corners of the eye stay defined.
            z = max(0.05, 1.0 - 0.5 * d - 0.125 * d * d)
            sx = back[0, 0] * x + back[0, 1] * y + back[0, 2] * z
            sy = back[1, 0] * x + back[1, 1] * y + back[1, 2] * z
            u = home[0] + sx * home_radius - texture_left
            v = home[1] - sy * home_radius - texture_top
            u = min(max(u, 0.0), texture.shape[1] - 1.001)
            v = min(max(v, 0.0), texture.shape[0] - 1.001)
            p, q = int(v), int(u)
            fv, fu = v - p, u - q
            for k in range(3):
                value = (
                    (1 - fu) * (1 - fv) * texture[p, q, k]
                    + fu * (1 - fv) * texture[p, q + 1, k]
                    + (1 - fu) * fv * texture[p + 1, q, k]
                    + fu * fv * texture[p + 1, q + 1, k]
                ) * shade[i, j]
                under = out[top + i, left + j, k]
                out[top + i, left + j, k] = np.uint8(
                    min(255.0, max(0.0, under + m * (value - under) + 0.5))
                )


def composite_mouth(
    out: NDArray[np.uint8],
    patch: Patch,
    mouth: MouthLayer,
    camera: Camera,
    pose: HeadPose,
    expression: NDArray[np.float32],
    deformed: float,
) -> None:
    """Composite teeth, tongue and cavity through the lips' outline.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
    patch : Patch
        The posed mouth opening.
    mouth : MouthLayer
    camera : Camera
    pose : HeadPose
    expression : ndarray, shape (53,), float32
    deformed : float
        How far the lips moved against the head, pixels. While they hardly do, the photo's own
        opening is kept up to its rim; later the rim, which is lip, must not stay on the teeth.
    """
    h, w = patch.mask.shape
    rendered = _rendered_mouth(patch, mouth, camera, pose, expression)
    inner = rendered.inside
    if mouth.photographed is not None:
        still = float(np.exp(-((deformed / (LIPS_SETTLED * camera.scale)) ** 2)))
        own, known = _own_mouth(patch, mouth.photographed, camera, pose, expression, still)
        if rendered.tongue is not None:
            known *= 1.0 - rendered.tongue.shown * out_share(expression)
        inner += known[..., None] * (own - inner)
    view = out[patch.top : patch.top + h, patch.left : patch.left + w, :3]
    lips = view.astype(np.float32)
    if rendered.tongue is not None:
        _composite_tongue(lips, rendered.tongue, patch.mask, camera.scale)
    mixed = lips + patch.mask[..., None] * (inner - lips)
    np.copyto(view, np.rint(np.clip(mixed, 0, 255)), casting="unsafe")


def _composite_tongue(
    lips: NDArray[np.float32], tongue: _Tongue, opening: NDArray[np.float32], unit: float
) -> None:
    """Composite a tongue in front of the lips (h, w, 3), and its shadow on them."""
    near = cv2.GaussianBlur(tongue.over, (0, 0), max(0.6, TONGUE_SHADE_REACH * unit))
    lips *= (1.0 - TONGUE_SHADE * near * (1.0 - opening))[..., None]
    lips += tongue.over[..., None] * (tongue.colour - lips)


def mouth_margin(camera: Camera, expression: NDArray[np.float32]) -> int:
    """Return by how many pixels the mouth reaches beyond the lips' outline: the tongue may."""
    return 2 + round(float(max(0.0, expression[TONGUE_OUT])) * TONGUE_REACH * camera.scale)


@dataclass(frozen=True)
class _Tongue:
    """A tongue that comes out, over the patch.

    Attributes
    ----------
    colour : ndarray, shape (h, w, 3), float32
        Its own, a little beyond its edge, too.
    over : ndarray, shape (h, w), float32
        1 where it lies on the lips or in front of them.
    shown : ndarray, shape (h, w), float32
        1 from where light reaches it: more than is before the lips.
    """

    colour: NDArray[np.float32]
    over: NDArray[np.float32]
    shown: NDArray[np.float32]


@dataclass(frozen=True)
class _Rendered:
    """The model's mouth over the patch, colours (h, w, 3) in 0..255; no tongue unless out."""

    inside: NDArray[np.float32]
    tongue: _Tongue | None


def _rendered_mouth(
    patch: Patch,
    mouth: MouthLayer,
    camera: Camera,
    pose: HeadPose,
    expression: NDArray[np.float32],
) -> _Rendered:
    """Render teeth, tongue and cavity."""
    expressed = apply_blendshapes(mouth.rest, mouth.deltas, expression)
    attributes = mouth.look
    tongue_out = bool(expression[TONGUE_OUT] > 0.0)
    if tongue_out:
        expressed = mouth.path.lifted(expressed, mouth.forward, mouth.up)
        attributes = _tongue_out_look(mouth, expressed, out_share(expression))
    posed = apply_head_pose(expressed, pose)
    points = camera.project(posed).astype(np.float32) - np.array(
        (patch.left, patch.top), np.float32
    )
    h, w = patch.mask.shape
    look = np.zeros((h, w, attributes.shape[1]), np.float32)
    z_buffer = np.full((h, w), FAR, np.float32)
    depth = np.ascontiguousarray(posed[:, 2])
    raster_attributes(points, depth, attributes, mouth.triangles, look, z_buffer)
    softness = max(TONGUE_EDGE if tongue_out else 0.5, MOUTH_SOFT * camera.scale)
    soft = _softened(look, softness)
    shade = contact_shade(patch.mask, LIP_SHADE_REACH * camera.scale, LIP_SHADE_LEAST)
    shade = shade + soft[..., 4] * (1.0 - shade)
    inside = np.asarray(soft[..., :3] * shade[..., None], np.float32)
    if not tongue_out:
        return _Rendered(inside, None)
    # Its own colour up to its edge, where the cavity's would draw a dark line on the lip.
    alone = _softened(look[..., :3] * look[..., 3:4], softness)
    colour = np.asarray(alone / np.maximum(soft[..., 3:4], 1e-3), np.float32)
    return _Rendered(inside, _Tongue(colour, soft[..., 3], soft[..., 5]))


def _softened(look: NDArray[np.float32], softness: float) -> NDArray[np.float32]:
    """Gaussian blur of a picture (h, w, C) with any number of channels."""
    parts = [look[..., k : k + 4] for k in range(0, look.shape[2], 4)]
    return np.dstack([cv2.GaussianBlur(part, (0, 0), softness) for part in parts])


def _tongue_out_look(
    mouth: MouthLayer, expressed: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Vertex attributes (N, 6) with the tongue between the lips: ``mouth.look``, and its light."""
    ahead = expressed @ mouth.forward
    ahead -= ahead[mouth.path.lower_lip]
    look = mouth.look.copy()
    # The part that is about to come out is no longer in the lips' shadow.
    lit = look[:, 3] * np.clip(ahead / TONGUE_LIT + 1.0, 0.0, 1.0)
    look[:, 4] = np.maximum(look[:, 4], share * lit)
    look[:, 3] *= np.clip(ahead / TONGUE_ROOM + 1.0, 0.0, 1.0)
    look[:, :3] += share * (mouth.look_out - look[:, :3])
    return np.column_stack([look, lit])


def out_share(expression: NDArray[np.float32]) -> float:
    """How far the tongue is between the lips, 0..1."""
    return float(np.clip(TONGUE_RAMP * expression[TONGUE_OUT], 0.0, 1.0))


def _own_mouth(
    patch: Patch,
    own: PhotographedMouth,
    camera: Camera,
    pose: HeadPose,
    expression: NDArray[np.float32],
    still: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Warp the photographed mouth: colour (h, w, 3), 0..255, and its opacity (h, w)."""
    posed = apply_head_pose(apply_blendshapes(own.rest, own.deltas, expression), pose)
    points = camera.project(posed).astype(np.float32) - np.array(
        (patch.left, patch.top), np.float32
    )
    h, w = patch.mask.shape
    found = np.zeros((h, w, 3), np.float32)
    z_buffer = np.full((h, w), FAR, np.float32)
    depth = posed[:, 2] + own.before
    raster_attributes(points, depth, own.at(still), own.triangles, found, z_buffer)
    colour = cv2.remap(
        own.photo, found[..., :2], None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return colour, found[..., 2]
