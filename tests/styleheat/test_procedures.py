# SPDX-License-Identifier: GPL-3.0-or-later
"""The procedures around the networks: recorded cases, and what a user would notice beyond them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from heat_backend.styleheat.conformance.case_file import find_cases
from heat_backend.styleheat.conformance.run import run_case
from heat_backend.styleheat.conformance.synthetic import SyntheticNetworks
from heat_backend.styleheat.crops import deep3d, ffhq
from heat_backend.styleheat.driving import paper_motion
from heat_backend.styleheat.weights.manifest import load_manifest

pytestmark = pytest.mark.slow

CASES = Path(__file__).parent / "cases"
WITHOUT_NETWORKS = {
    "coeff_assembly",
    "semantic_window",
    "crop_norm_ratio",
    "audio_window",
    "ffhq_align",
    "video_crop_reference_quirk",
    "intuitive_edit",
    "attribute_edit",
}


# The inputs of the aligned pictures are large: one seed is enough here.
@pytest.mark.parametrize(
    ("name", "seed"),
    [(n, s) for n in sorted(WITHOUT_NETWORKS) for s in ((1,) if n == "ffhq_align" else (1, 2))],
)
def test_procedures_give_the_recorded_numbers(name: str, seed: int) -> None:
    (case,) = (c for c in find_cases(CASES) if (c.name, c.seed) == (name, seed))
    networks = SyntheticNetworks(load_manifest(), seed, torch.device("cpu"))
    report = run_case(case, networks)
    assert report.ok, report.as_dict()


def face(width: int, height: int, size: float, seed: int = 0) -> np.ndarray:
    """68 landmarks with eyes and mouth where they belong, in the middle of a picture."""
    points = np.random.default_rng(seed).uniform(-0.4, 0.4, (68, 2))
    points[36:42] = (-0.3, -0.2)
    points[42:48] = (0.3, -0.2)
    points[30] = (0.0, 0.05)
    points[48], points[54] = (-0.2, 0.35), (0.2, 0.35)
    return points * size + (width / 2, height / 2)


def test_aligned_picture_shows_the_eyes_at_the_same_place_whatever_the_photo() -> None:
    """A dot at the left eye lands at one place, however large and turned the face is."""
    places = []
    for size, turn in ((100, 0.0), (180, 0.5), (140, -0.8)):
        landmarks = face(600, 600, size) - 300
        c, s = np.cos(turn), np.sin(turn)
        landmarks = landmarks @ np.array([[c, s], [-s, c]]) + 300
        pixels = np.zeros((600, 600, 3), np.uint8)
        x, y = landmarks[36].round().astype(int)
        pixels[y - 4 : y + 5, x - 4 : x + 5] = 255
        quad = ffhq.find_quad(landmarks, (600, 600), 256)
        drawn = np.asarray(ffhq.draw(Image.fromarray(pixels), quad, 256))[..., 0]
        bright = np.argwhere(drawn > 128)
        places.append(bright.mean(axis=0))
    assert np.ptp(places, axis=0).max() < 3


def test_aligned_picture_is_black_where_the_photo_ends() -> None:
    pixels = np.full((300, 300, 3), 200, np.uint8)
    landmarks = face(300, 300, 200)
    quad = ffhq.find_quad(landmarks, (300, 300), 256)
    drawn = np.asarray(ffhq.draw(Image.fromarray(pixels), quad, 256))
    assert drawn[128, 128].min() == 200
    assert drawn[0, 0].max() == 0


def test_reconstruction_crop_without_landmarks_takes_the_standard_head() -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)
    standard = np.array(
        [[-0.3, 0.3, 0.45], [0.3, 0.27, 0.47], [0.0, 0.0, 0.6], [-0.2, -0.3, 0.4], [0.2, -0.3, 0.4]]
    )
    crop = deep3d.cut(pixels, np.full((68, 2), -1.0), standard)
    assert crop.pixels.shape == (224, 224, 3)
    width, height, scale, tx, ty = crop.transform
    assert (width, height) == (256, 256)
    assert scale == pytest.approx(102 / 128)
    assert (tx, ty) == (pytest.approx(128), pytest.approx(128))


def test_window_at_the_end_of_sound_repeats_its_last_row() -> None:
    mel = np.arange(100, dtype=np.float32)[:, None].repeat(80, axis=1)
    window = paper_motion.mel_window(mel, 40)
    assert window.shape == (80, 32)
    assert window[0, -1] == 99
