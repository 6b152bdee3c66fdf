# SPDX-License-Identifier: GPL-3.0-or-later
"""Authors what the source lacks: ``tongueOut``, and a tongue that rests when the jaw opens."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from bridge.coefficients import EXPRESSION_NAMES
from bridge.ramps import smoothstep
from tools.face_model import kit as source
from tools.face_model.kit import Floats, Ints, Kit

# Axis of the resting tongue from root to tip: z and y in cm.
REST_Z = (3.4, 5.0, 6.0, 7.0, 8.0, 9.0, 9.75)
REST_Y = (-4.6, -4.0, -3.95, -3.88, -3.85, -3.95, -3.99)
# The same stuck out: between the teeth (z 10.5), over the lower lip (z 11.4), hanging.
OUT_AT = (0.0, 0.3, 0.5, 0.65, 0.75, 0.88, 1.0)
OUT_Z = (3.4, 6.3, 8.6, 10.4, 11.5, 12.9, 13.6)
OUT_Y = (-4.6, -3.95, -3.65, -3.47, -3.42, -3.85, -4.75)
OUT_THICK = (1.0, 0.8, 0.55, 0.38, 0.36, 0.5, 0.8)
OUT_WIDE = (1.0, 1.0, 0.95, 0.9, 0.95, 1.2, 1.5)
LIP_CLEARANCE = 0.65  # cm between the lips at the midline, for a tongue about 0.5 thick

# How far the resting tongue sinks and draws back at jawOpen = 1, on top of the jaw's turn;
# the source keeps it arched up to the incisors, where it hides teeth and cavity.
SINK = 0.3
FLATTEN = 0.35  # share of the thickness
WITHDRAW = 0.6


def tongue_out(kit: Kit, tongue: Ints, loop: Ints, upper_count: int) -> Floats:
    """Return the shape ``tongueOut`` (N, 3): the tongue between the lips and hanging out.

    The lips part just enough to let the tongue through; the jaw is not opened.

    Parameters
    ----------
    kit : Kit
    tongue : (n,) int64
        Kit vertices of the tongue.
    loop : (m,) int64
        Inner lip loop, the upper run first.
    upper_count : int
        Length of the upper run, both corners included.
    """
    out = np.zeros_like(kit.neutral)
    p = kit.neutral[tongue]
    z0, z1 = REST_Z[0], REST_Z[-1]
    s = np.clip((p[:, 2] - z0) / (z1 - z0), 0.0, 1.0)
    across = p[:, 1] - PchipInterpolator(REST_Z, REST_Y)(np.clip(p[:, 2], z0, z1))
    axis_z, axis_y = PchipInterpolator(OUT_AT, OUT_Z), PchipInterpolator(OUT_AT, OUT_Y)
    tangent = np.stack([axis_z(s, 1), axis_y(s, 1)], axis=1)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    thick = across * np.interp(s, OUT_AT, OUT_THICK)
    moved = np.empty_like(p)
    moved[:, 0] = p[:, 0] * np.interp(s, OUT_AT, OUT_WIDE)
    moved[:, 1] = axis_y(s) + thick * tangent[:, 0]
    moved[:, 2] = axis_z(s) - thick * tangent[:, 1]
    out[tongue] = moved - p
    return out + _parted_lips(kit, loop, upper_count)


def _parted_lips(kit: Kit, loop: Ints, upper_count: int) -> Floats:
    """Mix lip shapes so that the midline opens by ``LIP_CLEARANCE``."""
    index = EXPRESSION_NAMES.index
    mix = sum(kit.expression[index(f"mouthLowerDown{s}")] for s in ("Left", "Right"))
    mix = mix + 0.35 * sum(kit.expression[index(f"mouthUpperUp{s}")] for s in ("Left", "Right"))
    upper = loop[1 : upper_count - 1]
    lower = loop[upper_count:]
    top = upper[np.argmin(np.abs(kit.neutral[upper, 0]))]
    bottom = lower[np.argmin(np.abs(kit.neutral[lower, 0]))]
    return mix * (LIP_CLEARANCE / (mix[top, 1] - mix[bottom, 1]))


def resting_jaw_open(kit: Kit, tongue: Ints) -> Floats:
    """Return ``jawOpen`` (N, 3) with the tongue lowered to the floor of the mouth."""
    out = kit.expression[EXPRESSION_NAMES.index("jawOpen")].copy()
    p = kit.neutral[tongue]
    share = smoothstep(REST_Z[0], REST_Z[0] + 3.5, p[:, 2])
    floor = kit.neutral[slice(*source.GUMS_TONGUE)][tongue - source.GUMS_TONGUE[0], 1].min()
    out[tongue, 1] -= share * (SINK + FLATTEN * np.maximum(p[:, 1] - floor - 0.3, 0.0))
    out[tongue, 2] -= share * WITHDRAW
    return out
