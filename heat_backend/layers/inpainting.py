# SPDX-License-Identifier: GPL-3.0-or-later
"""Filling unknown pixels from known ones by pull-push: a pyramid of weighted averages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def pull_push(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill pixels of no weight smoothly from those with weight.

    Gortler et al., The Lumigraph (1996), section 3.3: averages are pulled up a pyramid of halved
    pictures and pushed back down where a level knows nothing.

    Parameters
    ----------
    values : ndarray, shape (H, W, C), float32
    weight : ndarray, shape (H, W), float32
        0 unknown .. 1 known.

    Returns
    -------
    ndarray, shape (H, W, C), float32
        ``values`` where the weight is 1, filled smoothly elsewhere.
    """
    height, width = weight.shape
    if min(height, width) <= 2 or weight.min() >= 1.0:
        total = max(float(weight.sum()), 1e-6)
        mean = (values * weight[..., None]).sum(axis=(0, 1)) / total
        return values * weight[..., None] + mean * (1.0 - weight[..., None])
    half = ((width + 1) // 2, (height + 1) // 2)
    heavy = cv2.resize(values * weight[..., None], half, interpolation=cv2.INTER_AREA)
    heavy = heavy.reshape(half[1], half[0], -1)
    small_weight = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    small = heavy / np.maximum(small_weight, 1e-6)[..., None]
    coarse = pull_push(small, np.minimum(1.0, small_weight * 4.0))
    up = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    up = up.reshape(height, width, -1)
    return values * weight[..., None] + up * (1.0 - weight[..., None])
