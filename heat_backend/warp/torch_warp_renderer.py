# SPDX-License-Identifier: GPL-3.0-or-later
"""The renderer on a GPU: warp map, resampling and occlusion boundaries in torch.

Each step is that of :mod:`heat_backend.warp.warp_renderer` and
:mod:`heat_backend.warp.occlusion_boundaries`, on any torch device; a test holds both to the same
frames. Eyeballs and mouth are small and are composited on the CPU in either case.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from heat_backend.geometry.rasterizer import FAR, NOWHERE
from heat_backend.warp.backward_warp import warp_mesh
from heat_backend.warp.occlusion_boundaries import SHARPEN
from heat_backend.warp.warp_renderer import JUMP_CELLS, WarpInputs

_FAR = float(FAR)
_NOWHERE = float(NOWHERE)


class TorchWarpRenderer:
    """See :class:`heat_backend.warp.warp_renderer.WarpRenderer`."""

    def __init__(self, inputs: WarpInputs, device: str) -> None:
        self._inputs = inputs
        self._device = torch.device(device)
        left, top, right, bottom = inputs.region
        matting = inputs.matting
        self._background = self._to_device(matting.background[top:bottom, left:right]).float()
        self.set_foreground(matting.foreground)
        self._nodes = (
            (inputs.height - 1) // inputs.stride + 2,
            (inputs.width - 1) // inputs.stride + 2,
        )
        # Pinned memory: the copy back then runs at the full speed of the bus.
        pinned = self._device.type == "cuda"
        shape = (max(0, bottom - top), max(0, right - left), 4)
        self._host = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)

    def _to_device(self, array: NDArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, non_blocking=True)

    def set_foreground(self, foreground: NDArray[np.uint8]) -> None:
        """Render another foreground; see the protocol."""
        self._foreground = self._to_device(foreground).float().permute(2, 0, 1)[None].contiguous()

    @torch.inference_mode()
    def render(
        self,
        out: NDArray[np.uint8],
        pixels: NDArray[np.float32],
        depth: NDArray[np.float32],
        far_side: bool,
    ) -> None:
        """Write the inputs' region of a frame; see the protocol."""
        left, top, right, bottom = self._inputs.region
        if right <= left or bottom <= top:
            return
        uv, z_buffer = self._warp_map(pixels, depth, far_side)
        frame = self._blend_over(self._resampled(self._interpolated(uv)))
        self._blend_boundaries(frame, uv, z_buffer)
        rgba = functional.pad(frame.to(torch.uint8), (0, 1), value=255)
        self._host.copy_(rgba, non_blocking=True)
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        out[top:bottom, left:right] = self._host.numpy()

    def _warp_map(
        self, pixels: NDArray[np.float32], depth: NDArray[np.float32], far_side: bool
    ) -> tuple[Tensor, Tensor]:
        """UV (GH, GW, 2) and depth (GH, GW); see ``BackwardWarpMap``."""
        inputs = self._inputs
        mesh = warp_mesh(inputs.mesh, pixels, depth, far_side, inputs.corrections)
        points, depths, vertex_uv, triangles = (self._to_device(part) for part in mesh)
        points = points / inputs.stride
        uv, z_buffer = raster(points, depths, vertex_uv, triangles.long(), self._nodes)
        return grown_by_one(uv, z_buffer), z_buffer

    def _interpolated(self, uv: Tensor) -> Tensor:
        """Places (h, w, 2) in the foreground, in whole 32nds of a pixel as on the CPU."""
        left, top, right, bottom = self._inputs.region
        stride = self._inputs.stride
        y = torch.arange(top, bottom, device=self._device)
        x = torch.arange(left, right, device=self._device)
        i, j = y // stride, x // stride
        fy = ((y % stride) / stride)[:, None, None]
        fx = ((x % stride) / stride)[None, :, None]
        rows = uv[i] + fy * (uv[i + 1] - uv[i])
        places = rows[:, j] + fx * (rows[:, j + 1] - rows[:, j])
        return torch.floor((places + self._inputs.matting.pad) * 32 + 0.5) / 32

    def _resampled(self, places: Tensor) -> Tensor:
        """Foreground (h, w, 4) at places (h, w, 2), 0 outside of it, in whole levels."""
        height, width = self._foreground.shape[2:]
        extent = torch.tensor([width - 1, height - 1], device=self._device)
        grid = places.clamp(-4.0, 4.0 + max(height, width)) * (2.0 / extent) - 1.0
        fetched = functional.grid_sample(
            self._foreground, grid[None], "bilinear", "zeros", align_corners=True
        )
        return torch.round(fetched[0].permute(1, 2, 0))

    def _blend_over(self, foreground: Tensor) -> Tensor:
        """Blend premultiplied (h, w, 4) over the background: (h, w, 3) in whole levels."""
        through = torch.round(self._background * (255.0 - foreground[..., 3:]) / 255.0)
        return (foreground[..., :3] + through).clamp(max=255.0)

    def _blend_boundaries(self, frame: Tensor, uv: Tensor, z_buffer: Tensor) -> None:
        """Render the pixels near occlusion boundaries, in place."""
        left, top, right, bottom = self._inputs.region
        stride = self._inputs.stride
        rows, columns = z_buffer.shape
        near = _boundaries(uv, z_buffer, JUMP_CELLS * stride)
        near = functional.max_pool2d(near.float()[None, None], 3, 1, 1)[0, 0] > 0
        y = torch.arange(top, bottom, device=self._device)
        x = torch.arange(left, right, device=self._device)
        i, j = y // stride, x // stride
        inside = ((i >= 1) & (i < rows - 2))[:, None] & ((j >= 1) & (j < columns - 2))[None]
        v, u = torch.nonzero(near[i][:, j] & inside, as_tuple=True)
        if len(v) == 0:
            return
        frame[v, u] = self._blended(v, u, uv, z_buffer)

    def _blended(self, v: Tensor, u: Tensor, uv: Tensor, z_buffer: Tensor) -> Tensor:
        """Colours (M, 3) of pixels (v, u) of the region, near occlusion boundaries."""
        left, top = self._inputs.region[:2]
        stride = self._inputs.stride
        y, x = v + top, u + left
        i, j = y // stride, x // stride
        around = torch.arange(-1, 3, device=self._device)
        p = (i[:, None, None] + around[:, None]).expand(-1, 4, 4).reshape(-1, 16)
        q = (j[:, None, None] + around).expand(-1, 4, 4).reshape(-1, 16)
        depth = z_buffer[p, q]
        there = depth > _FAR
        move = uv[p, q] - torch.stack([q, p], -1) * stride  # (M, 16, 2)
        each = torch.arange(len(y), device=self._device)
        front = move[each, depth.argmax(1)]
        apart = ((move - front[:, None]) ** 2).sum(-1)
        far = torch.where(there, apart, 0.0)
        back = move[each, far.argmax(1)]
        split = far.amax(1) > (2.0 * stride) ** 2
        weight = (
            _spline((y % stride) / stride)[:, :, None] * _spline((x % stride) / stride)[:, None]
        )
        weight = weight.reshape(-1, 16)
        behind = there & split[:, None] & (((move - back[:, None]) ** 2).sum(-1) < apart)
        shares, moves = [], []
        for members in (there & ~behind, behind):
            w = weight * members
            shares.append(w.sum(1))
            total = (w[..., None] * torch.where(members[..., None], move, 0.0)).sum(1)
            moves.append(total / w.sum(1).clamp(min=1e-9)[:, None])
        empty = (weight * ~there).sum(1)
        share = ((shares[0] - 0.5) * SHARPEN + 0.5).clamp(0.0, 1.0)
        rest = 1.0 - share
        hidden = rest * shares[1] / (shares[1] + empty).clamp(min=1e-6)
        background = self._background[v, u]
        place = torch.stack([x, y], -1)
        value = (rest - hidden)[:, None] * background
        value = value + share[:, None] * self._sampled_over(place + moves[0], background)
        value = value + hidden[:, None] * self._sampled_over(place + moves[1], background)
        value = torch.floor((value + 0.5).clamp(max=255.0))
        transparent = ~split & self._transparent(place + front, 2 * stride)
        return torch.where((transparent | ~there.any(1))[:, None], background, value)

    def _sampled_over(self, places: Tensor, background: Tensor) -> Tensor:
        """Foreground at photo places (M, 2) over background colours (M, 3), in levels."""
        height, width = self._foreground.shape[2:]
        most = torch.tensor([width - 1.001, height - 1.001], device=self._device)
        at = torch.minimum((places + self._inputs.matting.pad).clamp(min=0.0), most)
        scale = 2.0 / torch.tensor([width - 1, height - 1], device=self._device)
        grid = (at * scale - 1.0)[None, None]
        found = functional.grid_sample(
            self._foreground, grid, "bilinear", "border", align_corners=True
        )
        colour = found[0, :, 0].T
        return colour[:, :3] + (1.0 - colour[:, 3:] / 255.0) * background

    def _transparent(self, places: Tensor, reach: int) -> Tensor:
        """Whether the foreground is transparent at and around photo places (M, 2)."""
        alpha = self._foreground[0, 3]
        height, width = alpha.shape
        at = (places + self._inputs.matting.pad).long()
        q = at[:, 0].clamp(min=reach, max=width - 1 - reach)
        p = at[:, 1].clamp(min=reach, max=height - 1 - reach)
        clear = torch.ones(len(q), dtype=torch.bool, device=self._device)
        for dy in (-reach, 0, reach):
            for dx in (-reach, 0, reach):
                clear &= alpha[p + dy, q + dx] == 0
        return clear


def _boundaries(uv: Tensor, z_buffer: Tensor, jump: float) -> Tensor:
    """Cells (GH, GW), by their top left node, whose corners are not on one surface."""

    def corners(field: Tensor) -> Tensor:
        return torch.stack([field[:-1, :-1], field[:-1, 1:], field[1:, :-1], field[1:, 1:]])

    covered = corners(z_buffer > _FAR).sum(0)
    nodes = corners(uv)
    on_two = ((nodes.amax(0) - nodes.amin(0)) > jump).any(-1)
    grown = uv[:-1, :-1, 0] > _NOWHERE
    boundary = torch.where(covered == 0, grown, (covered < 4) | on_two)
    return functional.pad(boundary, (0, 1, 0, 1))


def _spline(t: Tensor) -> Tensor:
    """Cubic B-spline weights (M, 4) of the nodes around t (M,) in 0..1."""
    return torch.stack(
        [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ],
        -1,
    )


_COVERS = -1e-4  # least barycentric weight that counts as inside: on an edge they round below 0


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
    z_buffer : Tensor, shape (H, W)
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
    z_buffer = torch.full((height * width,), _FAR, device=points.device)
    z_buffer = z_buffer.scatter_reduce(0, cell, z, "amax")
    # Of equally near triangles the first one wins, whatever the order of the threads.
    none = len(triangles)
    claim = torch.where((z == z_buffer[cell]) & (z > _FAR), owner, none)
    winner = torch.full((height * width,), none, device=points.device, dtype=torch.long)
    winner = winner.scatter_reduce(0, cell, claim, "amin")
    covered = winner < none
    winner = winner.clamp(max=none - 1)
    place = torch.arange(height * width, device=points.device)
    weights = _barycentric(corners[winner], area[winner], place % width, place // width)
    found = (weights[..., None] * attributes[triangles[winner]]).sum(1)
    # Not a product: what is not covered may be the place of a triangle without area, and NaN.
    target = torch.where(covered[:, None], found, 0.0)
    return target.float().reshape(height, width, -1), z_buffer.reshape(height, width)


def _barycentric(corners: Tensor, area: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Weights (M, 3) of the corners (M, 3, 2) at pixels x, y (M,)."""
    # In double precision, as on the CPU: surfaces that touch would else swap places.
    a, b, c = (corners - torch.stack([x, y], 1)[:, None].double()).unbind(1)
    wa = (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]) / area
    wb = (c[:, 0] * a[:, 1] - c[:, 1] * a[:, 0]) / area
    return torch.stack([wa, wb, 1.0 - wa - wb], 1)


def grown_by_one(target: Tensor, z_buffer: Tensor) -> Tensor:
    """Extend attributes (H, W, C) by one pixel, continuing their slope; ``NOWHERE`` beyond."""
    height, width, _ = target.shape
    covered = z_buffer > _FAR
    value = functional.pad(target.permute(2, 0, 1), (2, 2, 2, 2))
    there = functional.pad(covered, (2, 2, 2, 2))
    total = torch.zeros_like(target.permute(2, 0, 1))
    count = torch.zeros_like(z_buffer)

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
