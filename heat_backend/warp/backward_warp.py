# SPDX-License-Identifier: GPL-3.0-or-later
"""The backward warp map of one frame: for each node of a coarse grid, the photo place it shows.

The posed mesh is rasterised with its photo places (UV) as vertex attributes, together with skirts
that continue the edges of mouth and eyes into their openings. Before that, two corrections move
the UV of the lips: :mod:`heat_backend.layers.lip_colours` for lips that contract, and
:func:`without_lip_shadow` for lips that part.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from heat_backend.fit.corrections import ALL_CORRECTIONS, Corrections
from heat_backend.geometry.rasterizer import FAR, grow_by_one, raster_attributes
from heat_backend.layers.portrait_mesh import Opening, PortraitMesh

# Shares of the mouth's width, tuned by eye on the test portraits.
SHADOW_DEPTH = 0.028  # from the lips' contour to where closed lips no longer shade each other
SHADOW_KEPT = 0.01  # lips that parted by less keep their shadow
SHADOW_FREE = 0.06  # a mouth that the photo shows open by this has no shadow between the lips
SHADOW_PARTED = 0.12  # lips that parted by this show none of it
# Outer-eye distances behind the lips' own surface: at a skirt's edge, just behind the skin; and at
# its middle, which could else reach out of a turned mouth's opening before its far corner.
SKIRT_EDGE_BEHIND, SKIRT_MIDDLE_BEHIND = 0.02, 0.3

WarpMesh = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]
"""Vertices (M, 2) in output pixels, depth (M,), UV (M, 2) in photo pixels, triangles (T, 3)."""


class BackwardWarpMap:
    """UV and depth of a frame on a coarse grid; the buffers are reused from frame to frame.

    Parameters
    ----------
    width, height : int
        Output size, pixels.
    stride : int
        Output pixels per cell.

    Attributes
    ----------
    uv : ndarray, shape (GH, GW, 2), float32
        Photo place (x, y pixels) of the output pixel (j * stride, i * stride).
    z_buffer : ndarray, shape (GH, GW), float32
        Depth of the nearest surface, outer-eye distances toward the viewer; ``FAR`` where none is.
    """

    def __init__(self, width: int, height: int, stride: int) -> None:
        self.stride = stride
        shape = ((height - 1) // stride + 2, (width - 1) // stride + 2)
        self.uv: NDArray[np.float32] = np.zeros((*shape, 2), np.float32)
        self.z_buffer: NDArray[np.float32] = np.zeros(shape, np.float32)

    def fill(
        self,
        mesh: PortraitMesh,
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool = False,
        corrections: Corrections = ALL_CORRECTIONS,
    ) -> None:
        """Rasterise the posed mesh; nodes next to it continue its UV by one cell.

        Parameters
        ----------
        mesh : PortraitMesh
        pixels : ndarray, shape (N, 2)
            Posed vertices in output pixels.
        depth : ndarray, shape (N,)
            Their depth, growing toward the viewer.
        far_side : bool
            Draw the mirrored skin of the side that the photo does not show.
        corrections : Corrections
            Of them ``lip_shadow``.
        """
        points, depths, uv, triangles = warp_mesh(mesh, pixels, depth, far_side, corrections)
        self.z_buffer.fill(FAR)
        raster_attributes(
            points / np.float32(self.stride), depths, uv, triangles, self.uv, self.z_buffer
        )
        grow_by_one(self.uv, self.z_buffer)


def warp_mesh(
    mesh: PortraitMesh,
    pixels: NDArray[np.float32],
    depth: NDArray[np.float32],
    far_side: bool,
    corrections: Corrections = ALL_CORRECTIONS,
) -> WarpMesh:
    """Collect the posed mesh and its skirts; see :meth:`BackwardWarpMap.fill` for parameters."""
    uv = mesh.lips.places(mesh.pixels, *mouth_contraction(mesh, pixels, depth))
    if corrections.lip_shadow:
        uv = without_lip_shadow(mesh.mouth, pixels, uv)
    triangles = mesh.far_triangles if far_side else mesh.triangles
    parts: list[WarpMesh] = [(pixels, depth + mesh.bias, uv, triangles)]
    start = len(pixels)
    for opening in (mesh.mouth, mesh.eye_left, mesh.eye_right):
        points, depths, uvs, triangles = skirts(opening, pixels, depth, uv)
        parts.append((points, depths, uvs, triangles + start))
        start += len(points)
    points, depths, uvs, triangles = (np.concatenate(part) for part in zip(*parts, strict=True))
    return points, depths, uvs, triangles


def mouth_contraction(
    mesh: PortraitMesh, pixels: NDArray[np.float32], depth: NDArray[np.float32]
) -> tuple[float, float]:
    """How much narrower and less open than at rest the mouth is, as shares of width and height.

    Lengths are measured in space, so that a turn of the head does not count. See
    :meth:`BackwardWarpMap.fill` for the parameters.
    """
    upper, lower = mesh.mouth.upper, mesh.mouth.lower
    ends = np.array([[upper[0], upper[-1]], [upper[len(upper) // 2], lower[len(lower) // 2]]])
    at = mesh.rest[ends[:, 1]] - mesh.rest[ends[:, 0]]
    across = np.hypot(*(mesh.pixels[upper[-1]] - mesh.pixels[upper[0]]))
    unit = across / max(float(np.hypot(at[0, 0], at[0, 1])), 1e-6)
    now = np.column_stack([pixels[ends[:, 1]] - pixels[ends[:, 0]], depth[ends] @ (-unit, unit)])
    was = np.maximum(unit * np.linalg.norm(at, axis=1), 1e-3)
    share = 1.0 - np.linalg.norm(now, axis=1) / was
    return float(share[0]), float(share[1])


def without_lip_shadow(
    mouth: Opening, pixels: NDArray[np.float32], uv: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Move the UV of parting lips off the dark line that closed lips have between them.

    Parameters
    ----------
    mouth : Opening
    pixels : ndarray, shape (N, 2)
        Posed vertices in output pixels.
    uv : ndarray, shape (N, 2)
        Photo pixels.

    Returns
    -------
    ndarray, shape (N, 2)
        ``uv`` with the lips' contours moved into the lips, in proportion to how far they parted;
        ``uv`` itself where they did not.
    """
    across = uv[mouth.upper[-1]] - uv[mouth.upper[0]]
    width = max(float(np.hypot(*across)), 1e-3)
    down = np.array([-across[1], across[0]], np.float32) / np.float32(width)
    top, low = (run[len(run) // 2] for run in (mouth.upper, mouth.lower))
    photo_gap = float((uv[low] - uv[top]) @ down) / width
    gaps = [float(np.hypot(*(at[low] - at[top]))) for at in (pixels, uv)]
    parted = (gaps[0] - gaps[1]) / width - SHADOW_KEPT
    share = min(1.0, max(0.0, parted / SHADOW_PARTED)) * min(
        1.0, max(0.0, 1.0 - photo_gap / SHADOW_FREE)
    )
    if share == 0.0:
        return uv
    uv = uv.copy()
    for run, sign in ((mouth.upper[1:-1], -1.0), (mouth.lower[1:-1], 1.0)):
        along = np.linspace(-1.0, 1.0, len(run) + 2, dtype=np.float32)[1:-1]
        taper = np.sqrt(1.0 - along * along)
        uv[run] += np.float32(sign * share * SHADOW_DEPTH * width) * taper[:, None] * down
    return uv


def skirts(
    opening: Opening,
    pixels: NDArray[np.float32],
    depth: NDArray[np.float32],
    uv: NDArray[np.float32],
) -> WarpMesh:
    """Continue both edges of an opening to its middle with the edges' own displacement.

    The opening itself is composited over later with a sharp outline; the skirts only give the
    bilinear look-up of the map something smooth to read on the far side of that outline.
    Triangles count from 0 at the first of the skirts' own points.
    """
    upper, lower = opening.upper, opening.lower
    parts = []
    for edge, other, flip in ((upper, lower, False), (lower, upper, True)):
        left, share, quad = _skirt_topology(len(edge), len(other), flip)
        facing = pixels[other[left]] * (1 - share) + pixels[other[left + 1]] * share
        middle = (pixels[edge] + facing) * np.float32(0.5)
        point = np.concatenate([pixels[edge], middle])
        origin = np.concatenate([uv[edge], uv[edge] + (middle - pixels[edge])])
        across = depth[other[left]] * (1 - share[:, 0]) + depth[other[left + 1]] * share[:, 0]
        inner = np.minimum(depth[edge], across) - SKIRT_MIDDLE_BEHIND
        depths = np.concatenate([depth[edge] - SKIRT_EDGE_BEHIND, inner])
        parts.append((point, depths, origin, quad))
    first = len(parts[0][0])
    return (
        np.concatenate([parts[0][0], parts[1][0]]).astype(np.float32),
        np.concatenate([parts[0][1], parts[1][1]]).astype(np.float32),
        np.concatenate([parts[0][2], parts[1][2]]).astype(np.float32),
        np.concatenate([parts[0][3], parts[1][3] + first]).astype(np.int32),
    )


@functools.cache
def _skirt_topology(
    count: int, across: int, flip: bool
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]]:
    """Triangles of a skirt of ``count`` edge points opposite ``across`` others.

    Returns
    -------
    left : ndarray, shape (count,)
    share : ndarray, shape (count, 1)
        Each point faces a place between points ``left`` and ``left + 1`` of the other edge, this
        share of the way along.
    triangles : ndarray, shape (T, 3)
        Of ``count`` edge points, then as many of the middle; ``flip`` reverses their winding.
    """
    at = np.linspace(0.0, across - 1.0, count)
    left = np.minimum(at.astype(int), across - 2)
    share = (at - left)[:, None].astype(np.float32)
    i = np.arange(count - 1)
    quad = np.concatenate(
        [np.stack([i, i + count, i + 1], 1), np.stack([i + 1, i + count, i + count + 1], 1)]
    )
    return left, share, quad[:, [0, 2, 1]] if flip else quad
