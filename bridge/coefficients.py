# SPDX-License-Identifier: GPL-3.0-or-later
"""Coefficients of one frame (version 1): expression, head pose and edits.

All-zero coefficients mean the photo as it is; every value is an offset from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import BadInput

EXPRESSION_NAMES: tuple[str, ...] = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
"""The 52 blend shapes of Apple ARKit; Left and Right are the subject's own."""

EXPRESSION_INDEX: dict[str, int] = {name: i for i, name in enumerate(EXPRESSION_NAMES)}
EXPRESSION_COUNT = len(EXPRESSION_NAMES)
EXPRESSION_MIN = -0.5
EXPRESSION_MAX = 1.5
MAX_EDITS = 256
MAX_EDIT_NAME = 64

Array = NDArray[np.float32]


def _zeros(count: int) -> Array:
    array = np.zeros(count, np.float32)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Coefficients:
    """The values of one frame, offsets from the portrait as photographed.

    Attributes
    ----------
    expression : (52,) float32
        In the order of ``EXPRESSION_NAMES``; nominal 0..1, -0.5..1.5 accepted.
    rotation : (3,) float32
        (pitch, yaw, roll) of the head in radians, see ``bridge.pose``.
    translation : (3,) float32
        (x right, y up, z to the viewer) in distances between the outer eye corners.
    edits : Mapping[str, float]
        Named scalars, 0 = off.
    """

    expression: Array = field(default_factory=lambda: _zeros(EXPRESSION_COUNT))
    rotation: Array = field(default_factory=lambda: _zeros(3))
    translation: Array = field(default_factory=lambda: _zeros(3))
    edits: Mapping[str, float] = field(default_factory=dict)

    @staticmethod
    def zero() -> Coefficients:
        """Return the coefficients that give the photo back."""
        return Coefficients()

    @staticmethod
    def of(
        expression: Mapping[str, float] | ArrayLike | None = None,
        rotation: ArrayLike = (0.0, 0.0, 0.0),
        translation: ArrayLike = (0.0, 0.0, 0.0),
        edits: Mapping[str, float] | None = None,
    ) -> Coefficients:
        """Build coefficients from names or arrays; the same as ``checked``."""
        return checked(expression, rotation, translation, edits)

    def is_zero(self) -> bool:
        """Tell whether these give the photo back unchanged."""
        return not (
            self.expression.any()
            or self.rotation.any()
            or self.translation.any()
            or any(self.edits.values())
        )

    def same_as(self, other: Coefficients) -> bool:
        """Tell whether all values are equal."""
        return (
            np.array_equal(self.expression, other.expression)
            and np.array_equal(self.rotation, other.rotation)
            and np.array_equal(self.translation, other.translation)
            and dict(self.edits) == dict(other.edits)
        )


def checked(
    expression: Mapping[str, float] | ArrayLike | None = None,
    rotation: ArrayLike = (0.0, 0.0, 0.0),
    translation: ArrayLike = (0.0, 0.0, 0.0),
    edits: Mapping[str, float] | None = None,
) -> Coefficients:
    """Build coefficients, refusing what no engine can use.

    Parameters
    ----------
    expression : mapping of names to values, (52,) array or None
        None and names left out mean 0.
    rotation, translation : (3,) array
        See ``Coefficients``.
    edits : mapping of names to values, optional
        Names of at most 64 characters, at most 256 of them.

    Returns
    -------
    Coefficients
        With read-only float32 arrays of its own. Out-of-range values pass: see ``clamped``.

    Raises
    ------
    BadInput
        A wrong shape, an unknown name, a NaN or an infinity; the message names the field.
    """
    if expression is None:
        values = _zeros(EXPRESSION_COUNT)
    elif isinstance(expression, Mapping):
        values = _from_names(expression)
    else:
        values = _vector("expression", expression, EXPRESSION_COUNT)
    return Coefficients(
        values,
        _vector("rotation", rotation, 3),
        _vector("translation", translation, 3),
        _checked_edits(edits or {}),
    )


def clamped(coefficients: Coefficients) -> tuple[Coefficients, bool]:
    """Bring the expression into the accepted range -0.5..1.5.

    Parameters
    ----------
    coefficients : Coefficients
        Finite values, as ``checked`` gives them.

    Returns
    -------
    Coefficients, bool
        The very same object and False when nothing was out of range.
    """
    values = coefficients.expression
    if values.min() >= EXPRESSION_MIN and values.max() <= EXPRESSION_MAX:
        return coefficients, False
    inside = np.clip(values, EXPRESSION_MIN, EXPRESSION_MAX)
    inside.flags.writeable = False
    return (
        Coefficients(inside, coefficients.rotation, coefficients.translation, coefficients.edits),
        True,
    )


def check_edit_name(name: object, what: str = "edits") -> str:
    """Return ``name`` if it can name an edit, else raise BadInput that names ``what``."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_EDIT_NAME or not name.isprintable():
        raise BadInput(f"{what}: {str(name)[:80]!r} is not a name of at most {MAX_EDIT_NAME} signs")
    return name


def _from_names(expression: Mapping[str, float]) -> Array:
    values = np.zeros(EXPRESSION_COUNT, np.float32)
    for name, value in expression.items():
        index = EXPRESSION_INDEX.get(name)
        if index is None:
            raise BadInput(f"expression: unknown name {str(name)[:80]!r}")
        values[index] = _vector(f"expression {name}", [value], 1)[0]
    values.flags.writeable = False
    return values


def _vector(what: str, values: ArrayLike, count: int) -> Array:
    try:
        with np.errstate(over="ignore"):
            array = np.array(values, np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"{what}: not a row of {count} numbers") from error
    if array.shape != (count,):
        raise BadInput(f"{what}: shape {array.shape} where ({count},) is needed")
    if not np.isfinite(array).all():
        where = int(np.flatnonzero(~np.isfinite(array))[0])
        label = f"{what} {EXPRESSION_NAMES[where]}" if count == EXPRESSION_COUNT else what
        raise BadInput(f"{label}: {array[where]} is not a finite number")
    array.flags.writeable = False
    return array


def _checked_edits(edits: Mapping[str, float]) -> Mapping[str, float]:
    if len(edits) > MAX_EDITS:
        raise BadInput(f"edits: {len(edits)} of them, at most {MAX_EDITS} are possible")
    names = [check_edit_name(name) for name in edits]
    return {n: float(_vector(f"edits {n}", [edits[n]], 1)[0]) for n in names}
