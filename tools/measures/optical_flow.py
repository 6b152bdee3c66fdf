# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of a face followed from one frame to another by the pictures alone.

A landmark net reads shapes of faces timidly: it knows what faces are like and gives a nose that
grew by a fifth a few hundredths. Optical flow knows nothing of faces and follows their skin.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from bridge.coefficients import Coefficients
from heat_backend.engines.protocol import Portrait

Points = NDArray[np.float64]
SKIN_COUNT = 468
UNIT = 350.0  # pixels of an outer-eye distance in which points are followed, at least
AROUND = 1.7  # outer-eye distances about the face's middle
YAW = 0.35  # radians to either side, where a change of depth shows as one across


class Follower:
    """Follows one portrait's own landmarks through its edits.

    Parameters
    ----------
    portrait : Portrait
        With ``landmarks(coefficients)``, shape (478, 3).
    """

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        still = self._own(0.0)
        unit = float(np.linalg.norm(still[33, :2] - still[263, :2]))
        self._corner = np.maximum(0, still[:, :2].mean(axis=0) - AROUND * unit).astype(int)
        self._side = int(2 * AROUND * unit)
        self._zoom = max(1.0, UNIT / unit)
        self._before = {yaw: (self._grey(yaw, {}), self._own(yaw)) for yaw in (0.0, YAW, -YAW)}

    @property
    def still(self) -> Points:
        """Landmarks (468, 3) where nothing is edited, pixels, y down, z away from the viewer."""
        return self._before[0.0][1]

    def after(self, edits: Mapping[str, float]) -> Points:
        """Where the points of ``still`` are with edits."""
        across, down = self._moved(0.0, edits).T
        toward = np.zeros_like(across)
        for yaw in (YAW, -YAW):
            turned = self._moved(yaw, edits)[:, 0]
            toward += 0.5 * (turned - across * np.cos(yaw)) / np.sin(yaw)
        return self.still + np.column_stack([across, down, -toward])

    def _moved(self, yaw: float, edits: Mapping[str, float]) -> Points:
        """How far (468, 2) points went in frames turned by ``yaw``, pixels."""
        before, at = self._before[yaw]
        flow = self._flow.calc(before, self._grey(yaw, edits), None)
        x, y = ((at[None, :, :2] - self._corner + 0.5) * self._zoom - 0.5).astype(np.float32).T
        moved = cv2.remap(flow, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(moved[:, 0] / self._zoom, np.float64)

    def _grey(self, yaw: float, edits: Mapping[str, float]) -> NDArray[np.uint8]:
        """Return the face's part of a frame."""
        shown = Coefficients.of(rotation=(0.0, yaw, 0.0), edits=dict(edits))
        (left, top), side = self._corner, self._side
        frame = self._portrait.render(shown)[top : top + side, left : left + side, :3]
        grey = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)
        how = cv2.INTER_CUBIC
        return np.asarray(cv2.resize(grey, None, fx=self._zoom, fy=self._zoom, interpolation=how))

    def _own(self, yaw: float) -> Points:
        shown = Coefficients.of(rotation=(0.0, yaw, 0.0))
        return np.asarray(self._portrait.landmarks(shown)[:SKIN_COUNT], np.float64)  # type: ignore[attr-defined]
