# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotation between two sets of paired points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest_rotation(covariance: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
    """Proper rotation that is nearest to a covariance matrix (Kabsch 1976, Umeyama 1991).

    For paired, centred points ``a`` and ``b`` (N, 3) the rotation of ``b.T @ a`` takes ``a`` to
    ``b``: ``b`` is near ``scale * a @ rotation.T``, where ``scale`` is the returned trace over the
    sum of the squares of ``a``.

    Parameters
    ----------
    covariance : ndarray, shape (3, 3)

    Returns
    -------
    rotation : ndarray, shape (3, 3)
        Never a mirror image.
    trace : float
        Of the covariance's stretch along the rotation.
    """
    u, stretch, vt = np.linalg.svd(covariance)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return np.asarray((u * sign) @ vt), float((stretch * sign).sum())
