# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of one frame: for each cell of a coarse grid, where in the photo it comes from."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from heat_backend.geometry.rasterizer import FAR, grow_by_one, raster_attributes
from heat_backend.layers.portrait_mesh import Opening, PortraitMesh

# Shares of the mouth's width.
SEAM = 0.028  # from the lips' contour to where closed lips no longer shade each other
SEAM_KEPT = 0.01  # lips that parted by less keep it all
SEAM_CLOSED = 0.06  # a photo's mouth that is open by this has no seam
SEAM_PARTED = 0.12  # lips that parted by this show none of it
# Outer-eye distances behind the lips' own surface: at a curtain's edge, and at its middle, which
# may reach out of a turned mouth's opening before its far corner.
CURTAIN_BEHIND, MIDDLE_BEHIND = 0.02, 0.3


class BackwardWarpMap:
    """Buffers of a flow, reused from frame to frame.

    Parameters
    ----------
    width, height : int
        Output size, pixels.
    stride : int
        Output pixels per cell.
    """

    def __init__(self, width: int, height: int, stride: int) -> None:
        self.stride = stride
        shape = ((height - 1) // stride + 2, (width - 1) // stride + 2)
        self.source: NDArray[np.float32] = np.zeros((*shape, 2), np.float32)
        self.nearest: NDArray[np.float32] = np.zeros(shape, np.float32)

    def fill(
        self,
        mesh: PortraitMesh,
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool = False,
    ) -> None:
        """Rasterise the posed mesh.

        Parameters
        ----------
        mesh : PortraitMesh
        pixels : ndarray, shape (N, 2)
            Posed vertices in output pixels.
        depth : ndarray, shape (N,)
            Their depth, growing toward the viewer.
        far_side : bool
            Draw the side that the photo does not show.
        """
        points, depths, sources, triangles = flow_mesh(mesh, pixels, depth, far_side)
        self.nearest.fill(FAR)
        raster_attributes(
            points / np.float32(self.stride),
            depths,
            sources,
            triangles,
            self.source,
            self.nearest,
        )
        grow_by_one(self.source, self.nearest)


def flow_mesh(
    mesh: PortraitMesh,
    pixels: NDArray[np.float32],
    depth: NDArray[np.float32],
    far_side: bool,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Collect what is rasterised: see :meth:`BackwardWarpMap.fill` for the parameters.

    Returns
    -------
    points (M, 2) in output pixels, depth (M,), source (M, 2), triangles (T, 3)
    """
    points, depths = [pixels], [depth + mesh.bias]
    home = mesh.lips.places(mesh.pixels, *lips_moved(mesh, pixels, depth))
    home = without_seam(mesh.mouth, pixels, home)
    sources, triangles = [home], [mesh.far_triangles if far_side else mesh.triangles]
    start = len(pixels)
    for opening in (mesh.mouth, mesh.eye_left, mesh.eye_right):
        p, z, s, t = curtains(opening, pixels, depth, home)
        points.append(p)
        depths.append(z)
        sources.append(s)
        triangles.append(t + start)
        start += len(p)
    return (
        np.concatenate(points),
        np.concatenate(depths),
        np.concatenate(sources),
        np.concatenate(triangles),
    )


def lips_moved(
    mesh: PortraitMesh, pixels: NDArray[np.float32], depth: NDArray[np.float32]
) -> tuple[float, float]:
    """How much narrower and less open than at rest the mouth is, of its width and its height.

    See :meth:`BackwardWarpMap.fill` for the parameters. A head that turns narrows no mouth.
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


def without_seam(
    mouth: Opening, pixels: NDArray[np.float32], home: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Find colours of parting lips beside the dark line that closed lips have between them.

    Parameters
    ----------
    mouth : Opening
    pixels : ndarray, shape (N, 2)
        Posed vertices in output pixels.
    home : ndarray, shape (N, 2)
        Where they find their colours, photo pixels.

    Returns
    -------
    ndarray, shape (N, 2)
        ``home``, with the lips' contours moved into the lips as far as they parted.
    """
    across = home[mouth.upper[-1]] - home[mouth.upper[0]]
    width = max(float(np.hypot(*across)), 1e-3)
    down = np.array([-across[1], across[0]], np.float32) / np.float32(width)
    top, low = (run[len(run) // 2] for run in (mouth.upper, mouth.lower))
    own = float((home[low] - home[top]) @ down) / width
    apart = [float(np.hypot(*(at[low] - at[top]))) for at in (pixels, home)]
    opened = (apart[0] - apart[1]) / width - SEAM_KEPT
    share = min(1.0, max(0.0, opened / SEAM_PARTED)) * min(1.0, max(0.0, 1.0 - own / SEAM_CLOSED))
    if share == 0.0:
        return home
    home = home.copy()
    for run, way in ((mouth.upper[1:-1], -1.0), (mouth.lower[1:-1], 1.0)):
        along = np.linspace(-1.0, 1.0, len(run) + 2, dtype=np.float32)[1:-1]
        taper = np.sqrt(1.0 - along * along)
        home[run] += np.float32(way * share * SEAM * width) * taper[:, None] * down
    return home


def curtains(
    opening: Opening,
    pixels: NDArray[np.float32],
    depth: NDArray[np.float32],
    source: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Continue both edges of an opening to its middle with the edges' own flow.

    The opening itself is painted over later with a sharp outline; the curtains only give the
    bilinear look-up of the flow something smooth to read on the far side of that outline.

    Returns
    -------
    points (M, 2), depth (M,), source (M, 2), triangles (T, 3)
        Triangles count from 0 at the first of the M points.
    """
    upper, lower = opening.upper, opening.lower
    parts = []
    for edge, other, flip in ((upper, lower, False), (lower, upper, True)):
        left, share, quad = _strip(len(edge), len(other), flip)
        facing = pixels[other[left]] * (1 - share) + pixels[other[left + 1]] * share
        middle = (pixels[edge] + facing) * np.float32(0.5)
        point = np.concatenate([pixels[edge], middle])
        origin = np.concatenate([source[edge], source[edge] + (middle - pixels[edge])])
        across = depth[other[left]] * (1 - share[:, 0]) + depth[other[left + 1]] * share[:, 0]
        inner = np.minimum(depth[edge], across) - MIDDLE_BEHIND
        parts.append((point, np.concatenate([depth[edge] - CURTAIN_BEHIND, inner]), origin, quad))
    first = len(parts[0][0])
    return (
        np.concatenate([parts[0][0], parts[1][0]]).astype(np.float32),
        np.concatenate([parts[0][1], parts[1][1]]).astype(np.float32),
        np.concatenate([parts[0][2], parts[1][2]]).astype(np.float32),
        np.concatenate([parts[0][3], parts[1][3] + first]).astype(np.int32),
    )


@functools.cache
def _strip(
    count: int, across: int, flip: bool
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.intp]]:
    """Lay out a curtain of ``count`` edge points opposite ``across`` others, once and for all.

    Returns
    -------
    left (count,), share (count, 1)
        Between which two points of the other edge each one looks, and how far along.
    triangles (T, 3)
        ``count`` edge points first, then as many of the middle.
    """
    at = np.linspace(0.0, across - 1.0, count)
    left = np.minimum(at.astype(int), across - 2)
    share = (at - left)[:, None].astype(np.float32)
    i = np.arange(count - 1)
    quad = np.concatenate(
        [np.stack([i, i + count, i + 1], 1), np.stack([i + 1, i + count, i + count + 1], 1)]
    )
    return left, share, quad[:, [0, 2, 1]] if flip else quad
