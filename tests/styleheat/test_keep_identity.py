# SPDX-License-Identifier: GPL-3.0-or-later
"""Attribute edits that leave the rest of the face as photographed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from bridge.coefficients import Coefficients
from bridge.errors import BadInput
from heat_backend.styleheat.editing import attribute_region
from heat_backend.styleheat.editing.attribute_region import region_mask, region_of
from heat_backend.styleheat.editing.edited_inversion import refine_edited_inversion
from heat_backend.styleheat.inversion import methods
from heat_backend.styleheat.inversion.methods import (
    CodeStatistics,
    Conditions,
    InversionMonitor,
    LossModels,
)
from heat_backend.styleheat.networks.forward import Inversion

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def marks() -> np.ndarray:
    """The shipped face's 68 landmarks, as they lie in an aligned crop."""
    from bridge import face_model
    from heat_backend.styleheat.crops.deep3d import landmarks_68

    model = face_model.load()
    points = landmarks_68(face_model.landmarks(model, model.vertices))[:, :2]
    points = points * (1.0, -1.0)
    middle = points[36:48].mean(axis=0)
    return (points - middle) * 330.0 + (512.0, 480.0)


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("beard", "lower_face"), ("lip", "mouth"), ("age", "face"), ("pose", "all"),
        ("my_new_thing", "face"), ("Smile-big", "mouth"), ("glasses", "eyes"), ("bangs", "hair"),
    ],
)  # fmt: skip
def test_an_attribute_is_about_what_its_name_says(name, region) -> None:
    assert region_of(name) == region


def test_regions_lie_where_they_should(marks) -> None:
    masks = {name: region_mask([name], marks) for name in attribute_region.REGIONS}

    def at(name, point):
        x, y = np.round(point).astype(int)
        return float(masks[name][y, x])

    lip, chin, brow, eye = marks[62], marks[8] - (0, 20), marks[19], marks[36:42].mean(axis=0)
    assert at("mouth", lip) > 0.9 and at("mouth", eye) < 0.05 and at("mouth", chin) < 0.3
    assert at("lower_face", lip) > 0.9 and at("lower_face", chin) > 0.5
    assert at("lower_face", eye) < 0.05
    assert at("eyes", eye) > 0.9 and at("eyes", brow) > 0.7 and at("eyes", lip) < 0.05
    assert at("nose", marks[30]) > 0.9 and at("nose", lip) < 0.2
    assert all(at("face", point) > 0.9 for point in (lip, eye, brow))
    assert at("hair", lip) < 0.05 and masks["hair"][20, 512] > 0.9
    assert masks["face"][20, 20] == 0.0 and (masks["all"] == 1.0).all()
    both = region_mask(["mouth", "eyes"], marks)
    assert both.sum() == pytest.approx(masks["mouth"].sum() + masks["eyes"].sum(), rel=0.05)


def test_an_unknown_region_names_those_there_are() -> None:
    with pytest.raises(BadInput, match="lower_face"):
        attribute_region.check_region("ear")


class SmallEye(torch.nn.Module):
    """Stands for VGG19: the picture in two sizes."""

    def forward(self, images):
        return [torch.nn.functional.avg_pool2d(images, size) for size in (2, 4)]


class SmallGenerator:
    """Stands for the generator: draws the first channels of the feature, tinted by the codes."""

    def __call__(self, codes, conditions):
        image = conditions.f[:, :3] + codes[:, 9:].mean()
        return SimpleNamespace(image=image, f_latent=conditions.f)


def test_refining_brings_the_photo_back_outside_and_keeps_the_edit_inside() -> None:
    torch.manual_seed(5)
    loss_models = LossModels(
        SmallEye(), CodeStatistics(torch.zeros(512), torch.eye(16, 512), torch.full((16,), 3.0))
    )
    photo = 0.5 * torch.rand(1, 3, 64, 64)
    feature = torch.zeros(1, 512, 64, 64)
    feature[:, :3] = photo + 0.3 * torch.rand(1, 3, 64, 64)
    edited = Inversion(photo, torch.zeros(1, 18, 512), feature, None)
    region = torch.zeros(1, 1, 64, 64)
    region[..., 40:, :] = 1.0
    clamped_256: list = []
    monitor = InversionMonitor(lambda text, share: None, lambda: False, clamped_256.append)
    generator = SmallGenerator()
    found = refine_edited_inversion(generator, edited, photo, region, loss_models, monitor)
    after = generator(found.wplus, Conditions(f=found.fx)).image
    before = feature[:, :3]
    outside, inside = slice(0, 40), slice(40, None)

    def apart(one, two, rows):
        return float((one - two)[..., rows, :].abs().mean())

    assert apart(after, photo, outside) < 0.6 * apart(before, photo, outside)
    assert apart(after, before, inside) < 0.5 * apart(photo, before, inside)
    assert len(clamped_256) >= 2


def test_keep_identity_is_an_option_of_command_and_bridge() -> None:
    from bridge.portrait_source import EngineOptions
    from heat_backend.engines.protocol import EngineSettings
    from heat_backend.export.shot import portrait_key
    from heat_backend.media.photo import Photo
    from heat_backend.styleheat.description import StyleHeatOptions

    assert EngineOptions(engine_options={"keep_identity": True}).header()["keep_identity"] is True

    def settings_of(kept: bool) -> EngineSettings:
        return EngineSettings(options=StyleHeatOptions(keep_identity=kept))

    photo = Photo(np.zeros((4, 4, 3), np.uint8))
    keys = {portrait_key(photo, settings_of(kept)) for kept in (False, True)}
    assert len(keys) == 2, "another shot"
    assert methods.METHODS and Coefficients.zero()
