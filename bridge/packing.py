# SPDX-License-Identifier: GPL-3.0-or-later
"""Coefficients as the bytes of a RENDER message."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .coefficients import EXPRESSION_COUNT, MAX_EDITS, Coefficients, checked
from .errors import BadInput, ProtocolError

FIXED = EXPRESSION_COUNT + 6
NEIGHBOURS = 27
"""Frames k - 13 to k + 13, which a pose may carry with it."""

Neighbours = tuple[Coefficients, ...]


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


def checked_neighbours(neighbours: Sequence[Coefficients]) -> Neighbours:
    """Return the motion around a pose, refusing what no engine can use.

    Parameters
    ----------
    neighbours : sequence of 27 Coefficients
        Frames k - 13 to k + 13. Their edits are left out: those of the pose hold.

    Raises
    ------
    BadInput
        There are not 27 of them, or a value is not finite.
    """
    if len(neighbours) != NEIGHBOURS:
        raise BadInput(f"neighbours: {len(neighbours)} frames where {NEIGHBOURS} are needed")
    return tuple(checked(one.expression, one.rotation, one.translation) for one in neighbours)


def pack_neighbours(neighbours: Neighbours) -> bytes:
    """Pack 27 frames as little-endian float32, each as the first 58 values of ``pack``."""
    rows = [np.concatenate([n.expression, n.rotation, n.translation]) for n in neighbours]
    return np.stack(rows).astype("<f4").tobytes()


def unpack_with_neighbours(
    names: list[str], payload: memoryview
) -> tuple[Coefficients, Neighbours]:
    """Unpack what ``pack`` and then ``pack_neighbours`` packed; errors as by ``unpack``."""
    own = 4 * (FIXED + len(names))
    size = 4 * FIXED * NEIGHBOURS
    if payload.nbytes != own + size:
        raise ProtocolError(f"{payload.nbytes} bytes of a pose and {NEIGHBOURS} neighbours")
    rows = np.frombuffer(payload[own:], "<f4").reshape(NEIGHBOURS, FIXED)
    around = tuple(checked(row[:-6], row[-6:-3], row[-3:]) for row in rows)
    return unpack(names, payload[:own]), around
