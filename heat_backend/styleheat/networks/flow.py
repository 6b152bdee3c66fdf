# SPDX-License-Identifier: GPL-3.0-or-later
"""Flow field, deformation and backward warp, with the published model's own conventions.

The grid has its corners on the centres of the corner pixels (``align_corners=True``) but is
sampled as if they lay on the picture's rim (``align_corners=False``). So zero flow is not the
identity. The published weights were trained with it; it stays.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def identity_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Return the grid of no flow, (H, W, 2), x then y, -1 to 1 at the corner pixels' centres."""
    x = torch.linspace(-1.0, 1.0, width, device=like.device, dtype=like.dtype)
    y = torch.linspace(-1.0, 1.0, height, device=like.device, dtype=like.dtype)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (W,) (H,) -> (H,W,2)


def deformation(flow: Tensor) -> Tensor:
    """Turn a flow into sampling places.

    Parameters
    ----------
    flow : Tensor
        (B, 2, H, W), x then y, in pixels.

    Returns
    -------
    Tensor
        (B, H, W, 2), x then y, in the units of :func:`identity_grid`.
    """
    height, width = flow.shape[-2:]
    grid = identity_grid(height, width, flow)
    x = grid[..., 0] + 2.0 * flow[:, 0] / (width - 1)  # (B,2,H,W) -> (B,H,W)
    y = grid[..., 1] + 2.0 * flow[:, 1] / (height - 1)
    return torch.stack([x, y], dim=-1)  # -> (B,H,W,2)


def warp(feature: Tensor, places: Tensor) -> Tensor:
    """Sample a feature map or picture at the places of a deformation.

    Parameters
    ----------
    feature : Tensor
        (B, C, H, W).
    places : Tensor
        (B, h, w, 2); brought to (H, W) where the sizes differ.

    Returns
    -------
    Tensor
        (B, C, H, W); zeros come in from outside.
    """
    size = feature.shape[-2:]
    if places.shape[1:3] != size:
        planes = places.permute(0, 3, 1, 2)  # (B,h,w,2) -> (B,2,h,w)
        planes = resize(planes, (size[0], size[1]))  # (B,2,h,w) -> (B,2,H,W)
        places = planes.permute(0, 2, 3, 1)  # (B,2,H,W) -> (B,H,W,2)
    return F.grid_sample(feature, places, "bilinear", "zeros", align_corners=False)


def resize(image: Tensor, size: tuple[int, int] | int) -> Tensor:
    """Resize (B, C, H, W) as the published code does: bilinear, no anti-aliasing."""
    both = (size, size) if isinstance(size, int) else size
    if image.shape[-2:] == both:
        return image
    return F.interpolate(image, both, mode="bilinear", align_corners=False)  # -> (B,C,*both)
