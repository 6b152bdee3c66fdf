# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow's depth-tested rasteriser in torch; the counterpart of ``heat_backend.raster``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from heat_backend.raster import FAR, NOWHERE

_FAR = float(FAR)
_NOWHERE = float(NOWHERE)
_COVERS = -1e-4  # least barycentric weight that still counts as inside


def raster(
    points: Tensor, depth: Tensor, attributes: Tensor, triangles: Tensor, shape: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Rasterise front-facing triangles.

    Parameters
    ----------
    points : Tensor, shape (V, 2), float32
    depth : Tensor, shape (V,), float32
    attributes : Tensor, shape (V, C), float32
    triangles : Tensor, shape (T, 3), int64
        Front-facing ones have a negative signed area in y-down pixels.
    shape : tuple of int
        Height and width of the target.

    Returns
    -------
    target : Tensor, shape (H, W, C)
        0 where nothing is.
    nearest : Tensor, shape (H, W)
        ``FAR`` where nothing is.
    """
    height, width = shape
    corners = points[triangles]  # (T, 3, 2)
    a, b, c = corners.unbind(1)
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    limit = torch.tensor([width - 1, height - 1], device=points.device)
    low = torch.ceil(corners.amin(1) - 1e-3).long().clamp(min=0)
    high = torch.minimum(torch.floor(corners.amax(1) + 1e-3).long(), limit)
    size = (high - low + 1).clamp(min=0)
    count = size[:, 0] * size[:, 1] * (area <= -1e-6)
    # One row a pixel of a triangle's box: which triangle, and where.
    owner = torch.repeat_interleave(torch.arange(len(count), device=points.device), count)
    within = torch.arange(len(owner), device=points.device) - (count.cumsum(0) - count)[owner]
    x = low[owner, 0] + within % size[owner, 0]
    y = low[owner, 1] + torch.div(within, size[owner, 0], rounding_mode="floor")
    weights = _barycentric(corners[owner], area[owner], x, y)
    z = (weights * depth[triangles[owner]]).sum(1).float()
    z = torch.where(weights.amin(1) >= _COVERS, z, _FAR)
    cell = y * width + x
    nearest = torch.full((height * width,), _FAR, device=points.device)
    nearest = nearest.scatter_reduce(0, cell, z, "amax")
    # Of equally near triangles the first one wins, whatever the order of the threads.
    none = len(triangles)
    claim = torch.where((z == nearest[cell]) & (z > _FAR), owner, none)
    winner = torch.full((height * width,), none, device=points.device, dtype=torch.long)
    winner = winner.scatter_reduce(0, cell, claim, "amin")
    covered = winner < none
    winner = winner.clamp(max=none - 1)
    place = torch.arange(height * width, device=points.device)
    weights = _barycentric(corners[winner], area[winner], place % width, place // width)
    found = (weights[..., None] * attributes[triangles[winner]]).sum(1)
    # Not a product: what is not covered may be the place of a triangle without area, and NaN.
    target = torch.where(covered[:, None], found, 0.0)
    return target.float().reshape(height, width, -1), nearest.reshape(height, width)


def _barycentric(corners: Tensor, area: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Weights (M, 3) of the corners (M, 3, 2) at pixels x, y (M,)."""
    # In double precision, as on the CPU: surfaces that touch would else swap places.
    a, b, c = (corners - torch.stack([x, y], 1)[:, None].double()).unbind(1)
    wa = (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]) / area
    wb = (c[:, 0] * a[:, 1] - c[:, 1] * a[:, 0]) / area
    return torch.stack([wa, wb, 1.0 - wa - wb], 1)


def grown_by_one(target: Tensor, nearest: Tensor) -> Tensor:
    """Extend attributes (H, W, C) by one pixel, continuing their slope; ``NOWHERE`` beyond."""
    height, width, _ = target.shape
    covered = nearest > _FAR
    value = functional.pad(target.permute(2, 0, 1), (2, 2, 2, 2))
    there = functional.pad(covered, (2, 2, 2, 2))
    total = torch.zeros_like(target.permute(2, 0, 1))
    count = torch.zeros_like(nearest)

    def shifted(field: Tensor, dy: int, dx: int) -> Tensor:
        return field[..., 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]

    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = shifted(there, dy, dx)
            slope = near & shifted(there, 2 * dy, 2 * dx)
            step = shifted(value, dy, dx) - shifted(value, 2 * dy, 2 * dx)
            total += near * shifted(value, dy, dx) + slope * step
            count += near
    mean = torch.where(count > 0, total / count.clamp(min=1.0), _NOWHERE)
    return torch.where(covered[..., None], target, mean.permute(1, 2, 0))
