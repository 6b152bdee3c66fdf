# SPDX-License-Identifier: GPL-3.0-or-later
"""Coefficients as the bytes of a RENDER message."""

from __future__ import annotations

import numpy as np

from .coefficients import EXPRESSION_COUNT, MAX_EDITS, Coefficients, checked
from .errors import ProtocolError

FIXED = EXPRESSION_COUNT + 6


def pack(coefficients: Coefficients) -> tuple[list[str], bytes]:
    """Pack coefficients.

    Returns
    -------
    list of str, bytes
        The names of the edits, and little-endian float32: 52 expression values, pitch, yaw, roll,
        x, y, z, then one value for each edit name.
    """
    names = list(coefficients.edits)
    values = np.empty(FIXED + len(names), "<f4")
    values[:EXPRESSION_COUNT] = coefficients.expression
    values[EXPRESSION_COUNT : EXPRESSION_COUNT + 3] = coefficients.rotation
    values[EXPRESSION_COUNT + 3 : FIXED] = coefficients.translation
    values[FIXED:] = list(coefficients.edits.values())
    return names, values.tobytes()


def unpack(names: list[str], payload: memoryview) -> Coefficients:
    """Unpack what ``pack`` packed.

    Raises
    ------
    ProtocolError
        The number of bytes does not fit the number of names.
    BadInput
        A value is not finite; the message names the field.
    """
    if len(names) > MAX_EDITS or payload.nbytes != 4 * (FIXED + len(names)):
        raise ProtocolError(f"{payload.nbytes} bytes of coefficients with {len(names)} edits")
    values = np.frombuffer(payload, "<f4")
    return checked(
        values[:EXPRESSION_COUNT],
        values[EXPRESSION_COUNT : EXPRESSION_COUNT + 3],
        values[EXPRESSION_COUNT + 3 : FIXED],
        dict(zip(names, values[FIXED:].tolist(), strict=True)),
    )
