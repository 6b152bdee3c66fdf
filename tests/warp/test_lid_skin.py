# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin between lid and brow is stretched evenly when lids and brows move."""

from __future__ import annotations

import numpy as np
import pytest

from bridge.coefficients import EXPRESSION_INDEX
from bridge.face_model import PART_NAMES, FaceModel
from bridge.face_model import load as load_model
from heat_backend.detect.detector import make_detector
from heat_backend.fit.eyelids import smooth_lid_skin
from heat_backend.fit.landmark_fit import fit_face
from heat_backend.fit.posed_model import PosedModel, lay_on_photo

data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")

SLIVER = 1e-5  # twice an area, model units; those above the lid have 1e-3 and more


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_model()


@pytest.fixture(scope="module")
def posed(model: FaceModel) -> PosedModel:
    photo = np.ascontiguousarray(data.astronaut()[:320, 60:380])
    face = make_detector("mediapipe").detect(photo)[0]
    found = lay_on_photo(model, fit_face(model, face), face)
    smooth_lid_skin(model, found)
    return found


def areas(corners: np.ndarray) -> np.ndarray:
    """Twice the signed areas of triangles (N, 3, 2); negative ones are seen from behind."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


@pytest.mark.parametrize("name", ["browInnerUp", "eyeLookDownLeft", "eyeBlinkRight"])
def test_no_fold_unrolls_above_the_lid(model: FaceModel, posed: PosedModel, name: str) -> None:
    """What the photo hides in the lid's fold must not come out as smeared skin."""
    delta = posed.deltas[EXPRESSION_INDEX[name]][:, :2]
    face = model.triangles[model.triangle_part == PART_NAMES.index("face")]
    for lid in (model.lid_left, model.lid_right):
        upper = posed.rest[lid[: model.lid_upper_count], :2]
        upper = upper[np.argsort(upper[:, 0])]
        x0, x1 = np.quantile(upper[:, 0], (0.15, 0.85))
        centre = posed.rest[face, :2].mean(axis=1)
        above = centre[:, 1] - np.interp(centre[:, 0], upper[:, 0], upper[:, 1])
        here = (centre[:, 0] > x0) & (centre[:, 0] < x1) & (above > 0.01) & (above < 0.12)
        still = posed.rest[face[here], :2]
        before, after = areas(still), areas(still + delta[face[here]])
        # Slivers of a two-hundredth of the usual area show nothing, whatever becomes of them.
        shown = np.abs(before) > SLIVER
        before, after = before[shown], after[shown]
        assert (before < 0).any()
        assert not ((before < 0) & (after > 1e-5)).any()
        assert np.percentile(np.abs(after) / np.abs(before), 98) < 6.0
