# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds one output against its recorded numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heat_backend.styleheat.conformance import synthetic
from heat_backend.styleheat.conformance.case_file import CaseFile

GRADIENT = "grad"


@dataclass(frozen=True)
class Measure:
    """One comparison of an output."""

    name: str
    error: float
    limit: float
    judged: bool = True
    """False where the number is only told: single elements of a gradient flip at kinks."""

    @property
    def ok(self) -> bool:
        return not self.judged or bool(self.error <= self.limit)  # NaN is not

    @property
    def share(self) -> float:
        """Error in parts of the limit; infinite where nothing may differ and something does."""
        if self.error == 0.0:
            return 0.0
        return self.error / self.limit if self.limit > 0.0 else float("inf")


def judge(case: CaseFile, name: str, output: NDArray[Any], factor: float = 1.0) -> list[Measure]:
    """Compare one output with what was recorded.

    Parameters
    ----------
    case : CaseFile
        The recorded case.
    name : str
        The output's name in it.
    output : ndarray
        What was computed.
    factor : float
        Times the limits; other devices add in another order.

    Returns
    -------
    list of Measure
        Largest and mean square error of the recorded elements, mean, std and largest value of
        all, and projections that every element enters.
    """
    info, limits = case.outputs[name], case.limits[name]
    if list(output.shape) != list(info["shape"]):
        return [Measure("shape", float("inf"), 0.0)]
    values = output.astype(np.float64)
    want, got = _recorded(case, name, info, values)
    singles = not name.startswith(GRADIENT)
    near = limits.elements * factor
    found = [
        Measure("elements", _largest(got - want), near, singles),
        Measure("rms", float(np.sqrt(np.mean((got - want) ** 2))), limits.rms * factor),
    ]
    edge = case.arrays.get(f"out.{name}.edge")
    if edge is not None:
        face = values[0, 0]
        rim = np.concatenate([face[0], face[-1], face[:, 0], face[:, -1]])
        found.append(Measure("edge", _largest(rim - edge), near, singles))
    found += [
        Measure(key, abs(value - float(info[key])), near, singles or key != "absmax")
        for key, value in _statistics(values).items()
        if key in info
    ]
    found += [
        Measure(
            f"projection {i + 1}",
            abs(synthetic.projection(case.seed, case.name, name, i, values) - expected),
            limits.projection * factor,
        )
        for i, expected in enumerate(info.get("proj", ()))
    ]
    return found


def _recorded(
    case: CaseFile, name: str, info: Mapping[str, Any], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the recorded elements and ours at the same places."""
    if "slices" not in info:
        return case.arrays[f"out.{name}"].astype(np.float64), values
    places = tuple(slice(start, None, step) for start, step in info["slices"])
    return case.arrays[f"out.{name}.sub"].astype(np.float64), values[places]


def _largest(difference: NDArray[np.float64]) -> float:
    return float(np.abs(difference).max(initial=0.0))


def _statistics(values: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "absmax": float(np.abs(values).max()),
    }
