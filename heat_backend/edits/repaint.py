# SPDX-License-Identifier: GPL-3.0-or-later
"""One pass over the foreground that applies all colour edits and the change of light.

Edits may be keyed, so that every frame has other values: all that does not depend on them is laid
out beforehand, in planes, so that the compiler vectorises over rows of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from heat_backend.edits.light import LIGHT_CELL
from heat_backend.layers.inpainting import pull_push
from heat_backend.layers.lid_cover import LidCover

LEVEL = np.float32(1.0 / 255.0)  # masks and alpha are 0..255

Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class RepaintPlanes:
    """A picture to be repainted, a plane for each channel.

    Attributes
    ----------
    planes : ndarray, shape (4, H, W), uint8
        Premultiplied red, green, blue, and alpha.
    inside : ndarray, shape (H, 2), int32
        In each row, the first column that is not transparent and the one after the last.
    masks : ndarray, shape (M, H, W), uint8
        Regions, 255 inside.
    spans : ndarray, shape (M, H, 2), int32
        As ``inside``, for each region.
    even : ndarray, shape (3, H, W), int8
        What a step of evenness adds, in quarters of a level.
    share : ndarray, shape (H, W), uint8
        How much of a pixel a change of light applies to, 255 for all.
    rows, columns : ndarray, shape (H,), (2, W), float32
        Where among the cells of the light a pixel lies.
    band : ndarray, shape (H,), int32
        Which of the two ``columns`` a row goes by.
    """

    planes: NDArray[np.uint8]
    inside: NDArray[np.int32]
    masks: NDArray[np.uint8]
    spans: NDArray[np.int32]
    even: NDArray[np.int8]
    share: NDArray[np.uint8]
    rows: NDArray[np.float32]
    columns: NDArray[np.float32]
    band: NDArray[np.int32]


@dataclass(frozen=True)
class Recolouring:
    """What is done to a picture's colours.

    Attributes
    ----------
    slope, offset : ndarray, shape (M, 3), float32
        A region's new colours: slope * colour + offset, 0..255.
    evenness : float
        Steps.
    light : ndarray, shape (1 or 2, h, w), float32, or None
        Factor on the colours, coarse; a second one from row ``turns`` of the picture on.
    """

    slope: NDArray[np.float32]
    offset: NDArray[np.float32]
    evenness: float
    light: NDArray[np.float32] | None

    @property
    def used(self) -> NDArray[np.int64]:
        """Regions whose colours change: another costs no more than to be passed over."""
        changed = (self.slope != 1.0).any(axis=1) | (self.offset != 0.0).any(axis=1)
        return np.asarray(np.flatnonzero(changed), np.int64)


def repaint_planes(
    foreground: NDArray[np.uint8],
    masks: NDArray[np.uint8],
    even: NDArray[np.int8],
    share: NDArray[np.uint8],
    layout: NDArray[np.float32],
    turns: int,
) -> RepaintPlanes:
    """Lay a picture out in planes.

    Parameters
    ----------
    foreground : ndarray, shape (H, W, 4), uint8
        Premultiplied RGBA.
    masks : ndarray, shape (M, H, W), uint8
    even : ndarray, shape (H, W, 3), int8
    share : ndarray, shape (H, W), uint8
    layout : ndarray, shape (H, W, 2), float32
        Where in the light, in its cells, each pixel looks: rows and columns apart from each other,
        but from row ``turns`` on along other columns.
    turns : int
    """
    planes = np.ascontiguousarray(foreground.transpose(2, 0, 1))
    masks = np.where(planes[3] > 0, masks, np.uint8(0))
    last = layout[min(turns, len(layout) - 1), :, 0]
    return RepaintPlanes(
        planes,
        _span(planes[3]),
        masks,
        np.stack([_span(mask) for mask in masks]),
        np.ascontiguousarray(even.transpose(2, 0, 1)),
        np.ascontiguousarray(share),
        np.ascontiguousarray(layout[:, 0, 1]),
        np.stack([layout[0, :, 0], last]),
        (np.arange(len(layout)) >= turns).astype(np.int32),
    )


def repainted(picture: RepaintPlanes, recolouring: Recolouring) -> NDArray[np.uint8]:
    """Return the picture (H, W, 4), premultiplied RGBA."""
    out = np.zeros(picture.planes.shape[1:], np.uint32)
    light = recolouring.light
    lit = light is not None
    _repaint(
        picture.planes,
        picture.inside,
        picture.masks,
        picture.spans,
        recolouring.used,
        (recolouring.slope - 1.0).astype(np.float32) * LEVEL,
        recolouring.offset.astype(np.float32) * LEVEL * LEVEL,
        picture.even,
        picture.share,
        np.float32(0.25 * recolouring.evenness) * LEVEL,
        np.ones((1, 2, 2), np.float32) if light is None else light,
        picture.rows,
        picture.columns,
        picture.band,
        lit,
        out,
    )
    return out.view(np.uint8).reshape(*out.shape, 4)


def _span(plane: NDArray[np.uint8]) -> NDArray[np.int32]:
    """First column with anything and the one after the last, in each row (H, 2)."""
    seen = plane > 0
    found = np.zeros((len(plane), 2), np.int32)
    filled = seen.any(axis=1)
    found[filled, 0] = seen[filled].argmax(axis=1)
    found[filled, 1] = plane.shape[1] - seen[filled, ::-1].argmax(axis=1)
    return found


# Each of these runs along a row of one plane, which the compiler vectorises.


@njit(cache=True, fastmath=True)
def _add(total, plane, by):  # type: ignore[no-untyped-def]
    for t in range(len(total)):
        total[t] += by * np.float32(plane[t])


@njit(cache=True, fastmath=True)
def _light_row(light, y, columns, out):  # type: ignore[no-untyped-def]
    """Light (N,) along a row at ``y``, in cells."""
    bottom, right = light.shape[0] - 2, light.shape[1] - 2
    cell = min(max(int(np.floor(y)), 0), bottom)
    part = min(max(y - cell, np.float32(0.0)), np.float32(1.0))
    line = light[cell] + np.float32(part) * (light[cell + 1] - light[cell])
    for t in range(len(out)):
        x = min(max(columns[t], np.float32(0.0)), np.float32(right + 1))
        k = min(int(x), right)
        out[t] = line[k] + (x - np.float32(k)) * (line[k + 1] - line[k])


@njit(cache=True, fastmath=True)
def _light_person(light, share):  # type: ignore[no-untyped-def]
    """Keep the light of pixels where the background shines through."""
    one = np.float32(1.0)
    for t in range(len(light)):
        light[t] = one + np.float32(share[t]) * LEVEL * (light[t] - one)


@njit(cache=True, fastmath=True)
def _write(plane, alpha, slope, offset, light, shift, out):  # type: ignore[no-untyped-def]
    """Put one channel, which premultiplied is never above its opacity, into its byte."""
    zero, half = np.float32(0.0), np.float32(0.5)
    for t in range(len(out)):
        a, value = np.float32(alpha[t]), np.float32(plane[t])
        value = (value + slope[t] * value + offset[t] * a) * light[t]
        out[t] |= np.uint32(np.int32(min(a, max(zero, value)) + half)) << shift


@njit(cache=True, parallel=True, fastmath=True)
def _repaint(  # type: ignore[no-untyped-def]
    planes,
    inside,
    masks,
    spans,
    used,
    slope,
    offset,
    even,
    share,
    step,
    light,
    rows,
    columns,
    band,
    lit,
    out,
):
    """Write ``out`` (H, W), pixels as little-endian RGBA."""
    for i in prange(len(out)):
        first, last = inside[i]
        if last <= first:
            continue
        total = np.zeros((6, last - first), np.float32)
        for m in used:
            low, high = spans[m, i]
            for c in range(3):
                _add(total[c, low - first : high - first], masks[m, i, low:high], slope[m, c])
                _add(total[3 + c, low - first : high - first], masks[m, i, low:high], offset[m, c])
        if step != np.float32(0.0):
            for c in range(3):
                _add(total[3 + c], even[c, i, first:last], step)
        alpha, line = planes[3, i, first:last], out[i, first:last]
        field = np.ones(last - first, np.float32)
        if lit:
            _light_row(
                light[min(band[i], len(light) - 1)], rows[i], columns[band[i], first:last], field
            )
            _light_person(field, share[i, first:last])
        for t in range(last - first):
            line[t] = np.uint32(alpha[t]) << np.uint32(24)
        for c in range(3):
            plane = planes[c, i, first:last]
            _write(plane, alpha, total[c], total[3 + c], field, np.uint32(8 * c), line)


@njit(cache=True, parallel=True)
def _around(  # type: ignore[no-untyped-def]
    photo, foreground, edited, pad, left, top, right, bottom, out
):
    for i in prange(photo.shape[0]):
        inner = top <= i < bottom
        for j in range(photo.shape[1]):
            if inner and left <= j < right:
                continue
            for c in range(3):
                before = np.int32(foreground[i + pad, j + pad, c])
                value = np.int32(photo[i, j, c]) + np.int32(edited[i + pad, j + pad, c]) - before
                out[i, j, c] = np.uint8(min(np.int32(255), max(np.int32(0), value)))
            out[i, j, 3] = 255


def around(
    photo: NDArray[np.uint8],
    foreground: NDArray[np.uint8],
    edited: NDArray[np.uint8],
    pad: int,
    region: Region,
) -> NDArray[np.uint8]:
    """Return the photo with the foreground edited (H, W, 4), RGBA.

    Parameters
    ----------
    photo : ndarray, shape (H, W, 3), uint8
    foreground, edited : ndarray, shape (H + 2 pad or more, W + 2 pad, 4), uint8
    pad : int
    region : tuple of int
        Left, top, right, bottom of what need not be written.
    """
    out = np.empty((*photo.shape[:2], 4), np.uint8)
    _around(photo, foreground, edited, pad, *region, out)
    return out


@njit(cache=True, fastmath=True)
def recoloured(
    picture: NDArray[np.float32],
    inside: NDArray[np.float32],
    slope: NDArray[np.float32],
    offset: NDArray[np.float32],
    lit: float,
) -> NDArray[np.float32]:
    """Return a picture (h, w, 3) with new colours where ``inside`` (h, w) says, in other light."""
    out = np.empty_like(picture)
    for i in range(picture.shape[0]):
        for j in range(picture.shape[1]):
            w = inside[i, j]
            for c in range(3):
                value = picture[i, j, c]
                out[i, j, c] = lit * (value + w * ((slope[c] - 1) * value + offset[c]))
    return out


BESIDE = 0.05  # outer-eye distances around an eye, where its lid's masks are inpainted


def lid_planes(
    lid: LidCover, masks: Sequence[NDArray[np.uint8]], even: NDArray[np.int8]
) -> RepaintPlanes:
    """Lay one lid's skin out in planes.

    Parameters
    ----------
    lid : LidCover
    masks : sequence of ndarray, shape (H, W), uint8
        Regions of the photo.
    even : ndarray, shape (H, W, 3), int8
    """
    height, width = lid.skin.shape[:2]
    rows, columns = slice(lid.top, lid.top + height), slice(lid.left, lid.left + width)
    eye = np.zeros((height, width), np.uint8)
    outline = np.concatenate([lid.upper, lid.lower[::-1]]) - (lid.left, lid.top)
    cv2.fillPoly(eye, [np.rint(outline).astype(np.int32)], 1)
    reach = 2 * max(1, round(BESIDE * lid.unit)) + 1
    around = 1 - cv2.dilate(eye, np.ones((reach, reach), np.uint8))
    known = around.astype(np.float32)
    filled = [
        pull_push(mask[rows, columns, None].astype(np.float32), known)[..., 0] for mask in masks
    ]
    y, x = np.mgrid[rows, columns].astype(np.float32) / np.float32(LIGHT_CELL)
    whole = np.full((height, width), 255, np.uint8)
    return repaint_planes(
        np.dstack([lid.skin, whole]),
        np.rint(np.stack(filled)).astype(np.uint8),
        even[rows, columns],
        whole,
        np.dstack([x, y]),
        height,
    )
