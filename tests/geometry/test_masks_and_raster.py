# SPDX-License-Identifier: GPL-3.0-or-later
"""Rasterised shapes against areas that are known and against a pixel by pixel search."""

import numpy as np
import pytest

from heat_backend.geometry.polygon_mask import outline_patch, polygon_area, triangle_mask
from heat_backend.geometry.rasterizer import FAR, raster_attributes

SIZE = 40


def ellipse(a: float, b: float, count: int = 200) -> np.ndarray:
    turn = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    return np.column_stack([50.3 + a * np.cos(turn), 40.8 + b * np.sin(turn)])


def test_an_outline_covers_its_area_and_is_centred() -> None:
    patch = outline_patch(ellipse(30.0, 12.0), 100, 80)
    assert patch is not None
    assert patch.mask.min() == 0.0 and patch.mask.max() == 1.0
    assert patch.mask.sum() == pytest.approx(np.pi * 30.0 * 12.0, rel=0.03)
    rows, columns = np.indices(patch.mask.shape)
    assert np.average(columns, weights=patch.mask) + patch.left == pytest.approx(50.3, abs=0.05)
    assert np.average(rows, weights=patch.mask) + patch.top == pytest.approx(40.8, abs=0.05)


def test_a_shut_outline_has_no_mask() -> None:
    assert outline_patch(ellipse(30.0, 0.0), 100, 80) is None
    assert outline_patch(ellipse(30.0, 12.0) + 500.0, 100, 80) is None


def test_polygon_area_is_exact() -> None:
    assert polygon_area(np.array([[0, 0], [4, 0], [4, 3], [0, 3]], float)) == 12.0


def test_a_triangle_mask_holds_the_pixels_inside() -> None:
    points = np.array([[2, 2], [30, 2], [2, 30]], float)
    mask = triangle_mask(points, np.array([[0, 1, 2]]), (SIZE, SIZE))
    y, x = np.indices((SIZE, SIZE))
    assert np.array_equal(mask > 0, (x >= 2) & (y >= 2) & (x + y <= 32))


def nearest_by_search(
    points: np.ndarray, depth: np.ndarray, triangles: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Depth (SIZE, SIZE) of the nearest front-facing triangle, and the distance to any edge."""
    nearest = np.full((SIZE, SIZE), -np.inf)
    margin = np.full((SIZE, SIZE), np.inf)
    for triangle in triangles:
        a, b, c = points[triangle]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        for y in range(SIZE):
            for x in range(SIZE):
                p = np.array((x, y))
                system = np.array([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [1, 1, 1]])
                weights = np.linalg.solve(system, (*p, 1))
                margin[y, x] = min(margin[y, x], np.abs(weights).min())
                if area < 0.0 and weights.min() >= 0.0:
                    nearest[y, x] = max(nearest[y, x], weights @ depth[triangle])
    return nearest, margin


def test_the_rasteriser_agrees_with_a_search_of_every_pixel() -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(0.0, SIZE - 1.0, (12, 2)).astype(np.float32)
    depth = rng.uniform(-1.0, 1.0, 12).astype(np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 11, 10], [0, 5, 7]], np.int32)
    target = np.zeros((SIZE, SIZE, 2), np.float32)
    nearest = np.full((SIZE, SIZE), FAR, np.float32)
    attributes = np.column_stack([points[:, 0], depth]).astype(np.float32)
    raster_attributes(points, depth, attributes, triangles, target, nearest)
    wanted, margin = nearest_by_search(points.astype(float), depth.astype(float), triangles)
    clear = margin > 1e-3  # pixels on an edge may count either way
    covered = np.isfinite(wanted)
    assert 100 < covered.sum() < SIZE * SIZE, "triangles that tell something"
    assert np.array_equal((nearest > FAR)[clear], covered[clear])
    assert np.abs(nearest - wanted)[clear & covered].max() < 1e-4
    x = np.broadcast_to(np.arange(SIZE), (SIZE, SIZE))
    assert np.abs(target[..., 0] - x)[clear & covered].max() < 1e-3
