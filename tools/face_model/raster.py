# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain z-buffer renderer to look at the model and to show it to the face tracker.

Not :mod:`heat_backend.geometry.rasterizer`: it draws both sides of a triangle in double precision,
with pixel centres at halves, and the landmarks embedded in the model were read off its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.mesh_normals import vertex_normals

Floats = NDArray[np.float64]

LIGHT = np.array([0.25, 0.45, 0.86])
AMBIENT = 0.45


@dataclass(frozen=True)
class TargetCamera:
    """A perspective camera on the z axis that looks at ``target``.

    Attributes
    ----------
    target : (3,) float
        Model point in the middle of the picture.
    distance : float
        From the eye to the target, model units.
    scale : float
        Pixels per model unit at the target.
    size : int
        Side of the square picture, pixels.
    """

    target: tuple[float, float, float]
    distance: float
    scale: float
    size: int

    def project(self, points: Floats) -> Floats:
        """Return pixel x, pixel y and depth (larger is nearer) of points (n, 3)."""
        p = points - np.array(self.target)
        perspective = self.distance / (self.distance - p[:, 2])
        x = self.size / 2 + self.scale * perspective * p[:, 0]
        y = self.size / 2 - self.scale * perspective * p[:, 1]
        return np.stack([x, y, perspective], axis=1)


@numba.njit(cache=True)
def _fill(
    points: Floats, triangles: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], Floats]:
    """Return the nearest triangle of each pixel (-1 for none) and its weights."""
    depth = np.full((size, size), -1e30)
    which = np.full((size, size), -1, dtype=np.int64)
    weights = np.zeros((size, size, 3))
    for t in range(len(triangles)):
        ax, ay, az = points[triangles[t, 0]]
        bx, by, bz = points[triangles[t, 1]]
        cx, cy, cz = points[triangles[t, 2]]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-12:
            continue
        x0 = max(int(np.floor(min(ax, bx, cx))), 0)
        x1 = min(int(np.ceil(max(ax, bx, cx))), size - 1)
        y0 = max(int(np.floor(min(ay, by, cy))), 0)
        y1 = min(int(np.ceil(max(ay, by, cy))), size - 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                px, py = x + 0.5, y + 0.5
                u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                w = 1.0 - u - v
                if u < -1e-9 or v < -1e-9 or w < -1e-9:
                    continue
                z = u * az + v * bz + w * cz
                if z > depth[y, x]:
                    depth[y, x] = z
                    which[y, x] = t
                    weights[y, x, 0] = u
                    weights[y, x, 1] = v
                    weights[y, x, 2] = w
    return which, weights


def cast(
    vertices: Floats, triangles: NDArray[np.integer], camera: TargetCamera
) -> tuple[NDArray[np.int64], Floats]:
    """Return the triangle (size, size) seen by each pixel, -1 for none, and its weights."""
    return _fill(camera.project(vertices), triangles.astype(np.int64), camera.size)


def picture(
    vertices: Floats,
    triangles: NDArray[np.integer],
    colours: NDArray[np.uint8],
    camera: TargetCamera,
    background: tuple[int, int, int] = (120, 125, 130),
) -> NDArray[np.uint8]:
    """Draw the mesh with smooth diffuse shading, antialiased twofold.

    Parameters
    ----------
    vertices : (n, 3) float64
    triangles : (m, 3) int
    colours : (n, 3) uint8
    camera : TargetCamera
    background : sRGB

    Returns
    -------
    (size, size, 3) uint8 RGB
    """
    fine = TargetCamera(camera.target, camera.distance, camera.scale * 2, camera.size * 2)
    which, weights = cast(vertices, triangles, fine)
    seen = which >= 0
    corners = triangles[which[seen]]
    share = weights[seen][:, :, None]
    normal = (vertex_normals(vertices, triangles)[corners] * share).sum(axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    light = LIGHT / np.linalg.norm(LIGHT)
    shade = AMBIENT + (1 - AMBIENT) * np.clip(normal @ light, 0, 1)
    image = np.tile(np.array(background, dtype=np.float64), (*which.shape, 1))
    image[seen] = (colours[corners] * share).sum(axis=1) * shade[:, None]
    n = camera.size
    return np.round(image.reshape(n, 2, n, 2, 3).mean(axis=(1, 3))).astype(np.uint8)
