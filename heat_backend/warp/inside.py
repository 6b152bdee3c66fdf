# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting what is behind the openings: eyeballs and the inside of the mouth."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from heat_backend.fit.camera import Camera
from heat_backend.layers.eyes import SHADE_LEAST, SHADE_REACH, EyeLayer
from heat_backend.layers.mouth import MouthLayer
from heat_backend.raster import FAR, raster_attributes
from heat_backend.layers.outline import Patch, contact_shade
from heat_backend.warp.posing import HeadPose, express, turn_head

LIP_SHADE_REACH = 0.045  # outer-eye distances
LIP_SHADE_LEAST = 0.35


def paint_eye(
    out: NDArray[np.uint8],
    patch: Patch,
    eye: EyeLayer,
    camera: Camera,
    pose: HeadPose,
    gaze: NDArray[np.float32],
) -> None:
    """Paint one eyeball into a frame through its lids' outline.

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
    """
    center = turn_head(eye.center[None], pose)[0]
    at = camera.project(center).astype(np.float32)
    grown = (camera.distance - float(eye.center[2])) / (camera.distance - float(center[2]))
    shade = contact_shade(patch.mask, SHADE_REACH * eye.width_px * grown, SHADE_LEAST)
    back = np.ascontiguousarray((pose.rotation @ gaze).T, np.float32)
    _paint_ball(
        out, patch.mask, patch.left, patch.top, eye.texture, eye.left, eye.top,
        eye.center_px, np.float32(eye.radius_px), at, np.float32(eye.radius_px * grown), back, shade,
    )


@njit(cache=True, fastmath=True)
def _paint_ball(
    out, mask, left, top, texture, texture_left, texture_top, home, home_radius, at, radius, back,
    shade,
):  # type: ignore[no-untyped-def]
    """Look each pixel up on the ball, turned back to where the photo saw it."""
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


def paint_mouth(
    out: NDArray[np.uint8],
    patch: Patch,
    mouth: MouthLayer,
    photo: NDArray[np.uint8],
    camera: Camera,
    pose: HeadPose,
    expression: NDArray[np.float32],
) -> None:
    """Paint teeth, tongue and cavity into a frame through the lips' outline.

    Parameters
    ----------
    out : ndarray, shape (H, W, 4), uint8
    patch : Patch
        The posed mouth opening.
    mouth : MouthLayer
    photo : ndarray, shape (H, W, 3), uint8
    camera : Camera
    pose : HeadPose
    expression : ndarray, shape (52,), float32
    """
    posed = turn_head(express(mouth.rest, mouth.deltas, expression), pose)
    points = camera.project(posed).astype(np.float32) - np.float32((patch.left, patch.top))
    h, w = patch.mask.shape
    look = np.zeros((h, w, 5), np.float32)
    nearest = np.full((h, w), FAR, np.float32)
    depth = np.ascontiguousarray(posed[:, 2])
    raster_attributes(points, depth, mouth.look, mouth.triangles, look, nearest)
    colour = cv2.GaussianBlur(look[..., 2:], (0, 0), 0.7)
    u = np.ascontiguousarray(look[..., 0])
    v = np.ascontiguousarray(look[..., 1])
    own = cv2.remap(photo, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.remap(mouth.seen, u, v, cv2.INTER_LINEAR)[..., None]
    shade = contact_shade(patch.mask, LIP_SHADE_REACH * camera.scale, LIP_SHADE_LEAST)[..., None]
    inner = own * known + colour * shade * (1.0 - known)
    view = out[patch.top : patch.top + h, patch.left : patch.left + w, :3]
    mixed = view + patch.mask[..., None] * (inner - view)
    np.copyto(view, np.rint(np.clip(mixed, 0, 255)), casting="unsafe")
