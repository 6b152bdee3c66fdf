# SPDX-License-Identifier: GPL-3.0-or-later
"""The light of a photo, by spherical harmonics on the face model's normals.

After Ramamoorthi and Hanrahan (2001), "An efficient representation for irradiance environment
maps": nine coefficients hold nearly all that a matte surface reflects. The light is split into
what comes from one direction and what comes from all around, so that either can be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.face_model import PART_NAMES, SKIN_PARTS, FaceModel
from bridge.pose import rotation_matrix
from bridge.ramps import smoothstep
from heat_backend.fit.posed_model import PosedModel
from heat_backend.geometry.mesh_normals import vertex_normals
from heat_backend.geometry.rasterizer import FAR, raster_attributes
from heat_backend.layers.inpainting import pull_push

Floats = NDArray[np.float32]

# Power law in place of sRGB's piecewise curve: a change of light is then one factor on the coded
# levels, whatever they are. At half and double the light it is off by less than 2 levels of 255
# above level 80, and by up to 4 in the dark.
GAMMA = 2.2
FROM_FRONT = np.array((0.0, 0.3, 0.954), np.float32)  # toward a lamp where the photo shows none
LIGHT_CELL = 4  # photo pixels per cell of the normals: light changes slowly
ROUNDS = 8  # of reweighted least squares, until the weights settle
LAMP_ROUNDS = 25  # more, since the lit side changes with the lamp
RIDGE = np.array([0.0, *[0.002] * 3, *[0.02] * 5])  # higher orders only as far as they are clear
TRUSTED = 2.0  # robust standard deviations from which a pixel loses its weight
# The rest is tuned by eye on the test portraits.
LEAST_SHADE = 0.18  # of the mean: no surface that is seen gets less light than this
LEAST_DIRECTED = 0.35  # of the mean: what more directed light adds where the photo has hardly any
LEAST_AMBIENT = 0.15  # of the mean
FLAT = 0.04  # of the mean: directed light below this has no direction of its own
MOST_CHANGE = 3.0  # factor on linear light: more would bring up noise
KNEE, BRIGHTEST = 0.5, 0.9  # linear luminance of skin: from where added light fades, and its end
SOFT_NORMALS = 0.06  # outer-eye distances of blur: hides the mesh's triangles
BODY_FADE = 0.5  # outer-eye distances from the head to where only the mean change of light is left


@dataclass(frozen=True)
class Light:
    """Light on the head, in the picture's axes.

    Attributes
    ----------
    coefficients : ndarray, shape (9,)
        Of ``harmonics``: linear luminance of the mean skin, 0..1.
    direction : ndarray, shape (3,)
        Toward the light.
    strength : float
        Of the lamp that would light the head so, besides the ambience.
    ambient : float
        What comes from all around.
    level : float
        Mean light on what is seen of the skin.
    """

    coefficients: Floats
    direction: Floats
    strength: float
    ambient: float
    level: float

    def shade(self, normals: Floats) -> Floats:
        """Light (...) on surfaces with normals (..., 3), never quite none."""
        seen = harmonics(normals) @ self.coefficients
        return np.maximum(seen, LEAST_SHADE * self.level)

    def changed(self, normals: Floats, edits: Mapping[str, float]) -> Floats:
        """Light (...) with edits: the directed part turned and more or less of either part."""
        return self.relit(normals, self.shade(normals), _facing(normals, self.direction), edits)

    def relit(
        self, normals: Floats, shade: Floats, facing: Floats, edits: Mapping[str, float]
    ) -> Floats:
        """As ``changed``, where ``shade`` and how normals face the light are known already."""
        yaw = np.radians(edits.get("light_direction_yaw", 0.0))
        pitch = np.radians(edits.get("light_direction_pitch", 0.0))
        amount, ambient = edits.get("light_amount", 0.0), edits.get("ambient", 0.0)
        turn = rotation_matrix((pitch, yaw, 0.0)).astype(np.float32)
        mean, dimmed = self.level, 1.0 + min(amount, 0.0)
        lamp = self.strength * dimmed
        if amount > 0.0:
            lamp += amount * max(LEAST_DIRECTED * mean, self.strength)
        # What is neither lamp nor ambience stays with the face: its shape is not known behind.
        total = np.float32(dimmed) * (shade - np.float32(self.strength) * facing)
        total += np.float32(lamp) * _facing(normals, turn @ self.direction)
        total += np.float32(self.ambient * (1.0 + ambient - dimmed))
        total = np.maximum(total, np.float32(LEAST_SHADE * mean * min(1.0, 1.0 + ambient)))
        return _unburnt(total, shade)


def _unburnt(light: Floats, before: Floats) -> Floats:
    """More light brings skin closer to white and never there, as film does it."""
    over = light - np.float32(KNEE)
    if over.max() <= 0.0:
        return light
    np.maximum(over, np.float32(0.0), out=over)
    room = np.float32(BRIGHTEST - KNEE)
    held = light - over * over / (room + over)
    # What the photo itself has brighter stays so.
    return np.asarray(np.maximum(held, np.minimum(light, before)), np.float32)


def _facing(normals: Floats, toward: Floats) -> Floats:
    """Light (...) of a lamp of strength 1 on normals (..., 3): the cosine, clamped smoothly.

    To second order, as the harmonics have it.
    """
    cosine = normals @ np.asarray(toward, np.float32)
    bent = cosine * np.float32(15.0 / 32.0)
    bent += np.float32(0.5)
    bent *= cosine
    bent += np.float32(0.25 - 5.0 / 32.0)
    return np.asarray(bent, np.float32)


def harmonics(normals: Floats) -> Floats:
    """Return the nine harmonics (..., 9) of normals (..., 3), without their constant factors."""
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    one = np.ones_like(x)
    found = (one, x, y, z, x * y, y * z, x * z, x * x - y * y, 3.0 * z * z - 1.0)
    return np.stack(found, axis=-1).astype(np.float32)


def photo_normals(
    model: FaceModel, posed: PosedModel, shape: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Return normals (h, w, 3), one for ``LIGHT_CELL`` photo pixels, and where known (h, w)."""
    skin = np.isin(model.triangle_part, [PART_NAMES.index(part) for part in SKIN_PARTS])
    triangles = model.triangles[skin]
    normal = vertex_normals(posed.rest, triangles).astype(np.float32)
    size = -(-shape[0] // LIGHT_CELL) + 1, -(-shape[1] // LIGHT_CELL) + 1
    found = np.zeros((*size, 3), np.float32)
    nearest = np.full(size, FAR, np.float32)
    points = (posed.pixels / LIGHT_CELL).astype(np.float32)
    depth = np.ascontiguousarray(posed.rest[:, 2], np.float32)
    raster_attributes(points, depth, normal, triangles, found, nearest)
    known = (nearest > FAR).astype(np.float32)
    filled = pull_push(found, known)
    soft = cv2.GaussianBlur(filled, (0, 0), max(0.8, SOFT_NORMALS * posed.unit / LIGHT_CELL))
    soft /= np.maximum(np.linalg.norm(soft, axis=2, keepdims=True), 1e-6)
    return np.ascontiguousarray(soft, np.float32), known


def fit_light(pixels: NDArray[np.uint8], normals: Floats, skin: Floats) -> Light:
    """Fit the light to the skin, which is taken to be of one colour; what is not does not count.

    Parameters
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    normals : ndarray, shape (h, w, 3)
        One for ``LIGHT_CELL`` pixels.
    skin : ndarray, shape (H, W)
        0..1.
    """
    h, w = normals.shape[:2]
    small = (w, h)
    linear = (pixels.astype(np.float32) / 255.0) ** GAMMA @ np.array(
        (0.2126, 0.7152, 0.0722), np.float32
    )
    extent = (h * LIGHT_CELL, w * LIGHT_CELL)
    pad = ((0, max(0, extent[0] - skin.shape[0])), (0, max(0, extent[1] - skin.shape[1])))
    light, weight = (np.pad(part, pad, mode="edge") for part in (linear, skin))
    light, weight = (
        cv2.resize(part[: extent[0], : extent[1]], small, interpolation=cv2.INTER_AREA)
        for part in (light, weight)
    )
    chosen = weight > 0.8
    if chosen.sum() < 60:
        mean = float(np.average(linear, weights=skin + 1e-6))
        return Light(np.array([mean, *[0.0] * 8], np.float32), FROM_FRONT, 0.0, mean, mean)
    basis, seen = harmonics(normals[chosen]).astype(np.float64), light[chosen].astype(np.float64)
    trust = np.ones(len(seen))
    found = np.zeros(9)
    for _ in range(ROUNDS):
        left = basis * trust[:, None]
        found = np.linalg.solve(left.T @ basis + np.diag(RIDGE * len(seen)), left.T @ seen)
        off = seen - basis @ found
        spread = 1.4826 * float(np.median(np.abs(off - np.median(off)))) + 1e-4
        # Shadows, beards and frames are darker than the fit more often than brighter.
        trust = 1.0 / (1.0 + (off / (TRUSTED * spread)) ** 2) ** 2
    return _split(found.astype(np.float32), normals[chosen].astype(np.float64), seen)


def _split(coefficients: Floats, normals: Floats, seen: NDArray[np.float64]) -> Light:
    """Tell a lamp from light all around: ambience + strength * max(0, cosine), fitted robustly."""
    mean = float(seen.mean())
    first = coefficients[1:4].astype(np.float64)
    lamp, trust = 2.0 * first, np.ones(len(seen))
    ambient = mean
    for _ in range(LAMP_ROUNDS):
        lit = normals * (normals @ lamp > 0.0)[:, None]
        basis = np.column_stack([np.ones(len(seen)), lit])
        left = basis * trust[:, None]
        found = np.linalg.solve(left.T @ basis + 1e-4 * len(seen) * np.eye(4), left.T @ seen)
        ambient, lamp = float(found[0]), found[1:]
        off = seen - basis @ found
        spread = 1.4826 * float(np.median(np.abs(off - np.median(off)))) + 1e-4
        trust = 1.0 / (1.0 + (off / (TRUSTED * spread)) ** 2) ** 2
    strength = float(np.linalg.norm(lamp))
    if strength < FLAT * mean:
        return Light(coefficients, FROM_FRONT, strength, mean, mean)
    direction = np.asarray(lamp / strength, np.float32)
    return Light(coefficients, direction, strength, max(LEAST_AMBIENT * mean, ambient), mean)


@dataclass(frozen=True)
class LitHead:
    """A head in its photo's light.

    Attributes
    ----------
    light : Light
    normals : ndarray, shape (h, w, 3)
    near : ndarray, shape (h, w)
        1 on the head, 0 where normals are not known.
    """

    light: Light
    normals: Floats
    near: Floats

    @cached_property
    def _shade(self) -> Floats:
        return self.light.shade(self.normals)

    @cached_property
    def _facing(self) -> Floats:
        return _facing(self.normals, self.light.direction)

    @cached_property
    def _inverse(self) -> Floats:
        return 1.0 / self._shade

    @cached_property
    def _weight(self) -> Floats:
        weight = self.near + np.float32(1e-6)
        return weight / np.float32((weight * self._shade).sum())

    def mirrored(self, rotation: NDArray[np.floating]) -> LitHead:
        """Return the head with each surface where its twin on the other side is.

        ``rotation`` (3, 3) brings the head's axes to the picture's.
        """
        mirror = rotation @ np.diag((-1.0, 1.0, 1.0)) @ rotation.T
        normals = self.normals @ mirror.T.astype(np.float32)
        return LitHead(self.light, np.ascontiguousarray(normals), self.near)

    def change(self, edits: Mapping[str, float]) -> Floats:
        """Factor (h, w) of gamma-coded levels that changes the light."""
        after = self.light.relit(self.normals, self._shade, self._facing, edits)
        power = np.float32(1.0 / GAMMA)
        # The body's normals are not known: it takes what the head takes on the whole.
        mean = np.float32((after * self._weight).sum()) ** power
        after *= self._inverse
        np.clip(after, 0.0, MOST_CHANGE, out=after)
        ratio = cv2.pow(after, float(power))
        ratio -= mean
        ratio *= self.near
        ratio += mean
        return np.asarray(ratio, np.float32)


def fade_from_head(known: Floats, unit: float) -> Floats:
    """1 on the head, falling to 0 over ``BODY_FADE`` beyond it; (h, w)."""
    distance = cv2.distanceTransform((known < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return smoothstep(BODY_FADE * unit, 0.0, distance * LIGHT_CELL).astype(np.float32)


HAZE = 0.3  # opacity up to which foreground pixels keep their light; by eye on the test portraits
SOLID = (0.95, 1.0)  # opacities between which a pixel is foreground whatever its colour
LIKE_BACKGROUND = (20.0, 60.0)  # levels from its colour: surely background, surely foreground


def light_share(
    foreground: NDArray[np.uint8], background: NDArray[np.uint8], pad: int
) -> NDArray[np.uint8]:
    """Share of each foreground pixel that takes another light, (H', W'), 255 for all of it.

    A matte is soft beyond the outline, where the photo shows the background: in stronger light
    that would be a bright rim.

    Parameters
    ----------
    foreground : ndarray, shape (H', W', 4), uint8
        Premultiplied RGBA.
    background : ndarray, shape (H, W, 3), uint8
        Inpainted background over the photo.
    pad : int
        Pixels by which the foreground reaches over the photo's border.
    """
    alpha = foreground[..., 3] / np.float32(255.0)
    share = np.clip((alpha - HAZE) / (1.0 - HAZE), 0.0, 1.0)
    height, width = background.shape[:2]
    over = slice(pad, pad + height), slice(pad, pad + width)
    colour = foreground[over][..., :3] / np.maximum(alpha[over], 1e-3)[..., None]
    away = np.abs(colour - background).max(axis=2)
    other = np.clip(
        (away - LIKE_BACKGROUND[0]) / (LIKE_BACKGROUND[1] - LIKE_BACKGROUND[0]), 0.0, 1.0
    )
    solid = np.clip((alpha[over] - SOLID[0]) / (SOLID[1] - SOLID[0]), 0.0, 1.0)
    share[over] *= np.maximum(other, solid)
    return np.rint(255.0 * share).astype(np.uint8)
