# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose in the paper's values: Deep3D's rotation and camera, and our head motion in their terms.

Deep3D's axes are the contract's: x to image right, y up, z toward the viewer, and its rotation
(Rz Ry Rx)^T applied to row vectors is Rz Ry Rx applied to columns, so that angles mean the same.
It looks at a 224 px crop from z = 10 dm with a focal length of 1015 px. The crop follows the
face: moving the head over the picture changes the crop's numbers, not Deep3D's translation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bridge.pose import rotation_angles, rotation_matrix
from heat_backend.styleheat.crops.deep3d import CROP_SIZE, fit_orthographic
from heat_backend.styleheat.driving import paper_motion

Floats = NDArray[np.float64]

CAMERA_DISTANCE = 10.0  # decimetres
FOCAL = 1015.0  # pixels of the crop
CENTRE = CROP_SIZE / 2
FACE_PIXELS = 102.0  # what the standard head's unit measures in the crop
NEWTON_STEPS = 4


def deep3d_rotation(angles: ArrayLike) -> Floats:
    """Return the matrix (3, 3) that Deep3D applies to row vectors from the right.

    Parameters
    ----------
    angles : (3,)
        Pitch, yaw, roll in radians.
    """
    rotation: Floats = rotation_matrix(angles).T
    return rotation


def project(points: Floats, angles: ArrayLike, translation: ArrayLike) -> Floats:
    """Show points of the head in Deep3D's crop.

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Decimetres, in the head's frame.
    angles : (3,)
        Pitch, yaw, roll in radians.
    translation : (3,)
        Decimetres.

    Returns
    -------
    ndarray, shape (n, 2)
        Pixels of the 224 px crop, x to the right and y **up** from its lower edge.
    """
    return _seen(points @ deep3d_rotation(angles) + np.asarray(translation, np.float64))


def _seen(placed: Floats) -> Floats:
    depth = CAMERA_DISTANCE - placed[:, 2:]
    seen: Floats = FOCAL * placed[:, :2] / depth + CENTRE
    return seen


@dataclass(frozen=True)
class _Placed:
    """A head as the published extraction would describe it."""

    translation: Floats  # (3,)
    scale: float
    shift: Floats  # (2,), pixels of the 256 px picture, y up


@dataclass(frozen=True)
class HeadMotion:
    """Turns our head motion into changes of one photo's 73-vector.

    Attributes
    ----------
    vector : ndarray, shape (73,)
        The photo's own.
    standard : ndarray, shape (5, 3)
        Five points of the standard head, decimetres.
    pivot : ndarray, shape (3,)
        Where the head turns, in the head's frame, decimetres.
    unit : float
        Our unit in decimetres.
    """

    vector: NDArray[np.float32]
    standard: Floats
    pivot: Floats
    unit: float

    def moved(self, rotation: ArrayLike, translation: ArrayLike) -> NDArray[np.float32]:
        """Return the 73-vector of the head turned and shifted.

        The five points that the extraction aligns by are turned about the pivot and seen by
        Deep3D's camera; crop and translation become what the extraction would have found.

        Parameters
        ----------
        rotation : (3,)
            Pitch, yaw, roll in radians, about axes fixed to the image (contract).
        translation : (3,)
            Outer-eye distances along the same axes.

        Returns
        -------
        ndarray, shape (73,), float32
            The photo's own where there is no motion.
        """
        turn, shift = np.asarray(rotation, np.float64), np.asarray(translation, np.float64)
        out = np.array(self.vector, np.float32)
        if not turn.any() and not shift.any():
            return out
        own = self.vector.astype(np.float64)
        before = rotation_matrix(own[paper_motion.ANGLES])
        after = rotation_matrix(turn) @ before
        at = own[paper_motion.TRANSLATION]
        pivot = before @ self.pivot + at
        # p -> pivot + turn (before p + at - pivot) + shift, as a rotation and a translation.
        landed = pivot + rotation_matrix(turn) @ (at - pivot) + shift * self.unit
        rest, there = self._placed(before, at), self._placed(after, landed)
        out[paper_motion.ANGLES] = rotation_angles(after)
        out[paper_motion.TRANSLATION] += (there.translation - rest.translation).astype(np.float32)
        out[paper_motion.CROP_SCALE] *= there.scale / rest.scale
        out[paper_motion.CROP_SCALE + 1 :] += (there.shift - rest.shift).astype(np.float32)
        return out

    def _placed(self, rotation: Floats, translation: Floats) -> _Placed:
        """Describe a head as the extraction does: by a crop, and by where it stands in that."""
        scale, *middle = self.vector[paper_motion.CROP].astype(np.float64)
        seen = _seen(self.standard @ rotation.T + translation)
        picture = (seen - CENTRE) / scale + middle
        shift, fitted = fit_orthographic(picture, self.standard)
        crop_scale = FACE_PIXELS / fitted
        in_crop = (picture - shift) * crop_scale + CENTRE
        return _Placed(_translation_in_crop(self.standard @ rotation.T, in_crop), crop_scale, shift)


def _translation_in_crop(turned: Floats, seen: Floats) -> Floats:
    """Find the translation (3,) at which turned points (n, 3) are seen at ``seen`` (n, 2)."""
    at = np.zeros(3)
    for _ in range(NEWTON_STEPS):
        placed = turned + at
        depth = CAMERA_DISTANCE - placed[:, 2]
        off = (seen - _seen(placed)).ravel()
        slope = np.zeros((len(turned), 2, 3))
        slope[:, 0, 0] = slope[:, 1, 1] = FOCAL / depth
        slope[:, :, 2] = FOCAL * placed[:, :2] / depth[:, None] ** 2
        at += np.linalg.lstsq(slope.reshape(-1, 3), off, rcond=None)[0]
    return at
