# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs recorded cases and compares every output with its recorded numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bridge.errors import HeatError, MissingHere
from heat_backend.styleheat.conformance import synthetic
from heat_backend.styleheat.conformance.case_file import CaseFile
from heat_backend.styleheat.conformance.cases import ALL_CASES
from heat_backend.styleheat.conformance.synthetic import CaseRun, SyntheticNetworks
from heat_backend.styleheat.weights.manifest import Manifest

GRADIENT = "grad"


@dataclass(frozen=True)
class Measure:
    """One comparison of an output."""

    name: str
    error: float
    limit: float
    judged: bool = True
    """False where the number is only reported: elements of a gradient flip at kinks."""

    @property
    def ok(self) -> bool:
        return not self.judged or bool(self.error <= self.limit)  # NaN is not

    @property
    def share(self) -> float:
        """Error in parts of the limit; infinite where nothing may differ and something does."""
        if self.error == 0.0:
            return 0.0
        return self.error / self.limit if self.limit > 0.0 else float("inf")


def compare_output(
    case: CaseFile, name: str, output: NDArray[Any], factor: float = 1.0
) -> list[Measure]:
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
    expected_values, actual = _recorded(case, name, info, values)
    enforce_elements = not name.startswith(GRADIENT)
    limit = limits.elements * factor
    found = [
        Measure("elements", _largest(actual - expected_values), limit, enforce_elements),
        Measure(
            "rms", float(np.sqrt(np.mean((actual - expected_values) ** 2))), limits.rms * factor
        ),
    ]
    edge = case.arrays.get(f"out.{name}.edge")
    if edge is not None:
        face = values[0, 0]
        rim = np.concatenate([face[0], face[-1], face[:, 0], face[:, -1]])
        found.append(Measure("edge", _largest(rim - edge), limit, enforce_elements))
    found += [
        Measure(key, abs(value - float(info[key])), limit, enforce_elements or key != "absmax")
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


GPU_FACTOR = 3.0  # times the limits: GPUs sum in another order


@dataclass(frozen=True)
class OutputReport:
    """Comparison of one output."""

    name: str
    measures: tuple[Measure, ...]

    @property
    def ok(self) -> bool:
        return all(measure.ok for measure in self.measures)

    @property
    def worst(self) -> Measure:
        """The judged measure that comes nearest to its limit, or oversteps it most."""
        judged = [measure for measure in self.measures if measure.judged]
        return max(judged, key=lambda m: float("inf") if np.isnan(m.share) else m.share)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "output": self.name,
            "ok": self.ok,
            "max_error": _finite(self.measures[0].error),
            "tolerance": self.measures[0].limit,
            "measures": [
                {**asdict(m), "error": _finite(m.error), "ok": m.ok} for m in self.measures
            ],
        }


@dataclass(frozen=True)
class CaseReport:
    """Result of one case."""

    name: str
    seed: int
    outputs: tuple[OutputReport, ...]
    seconds: float
    failure: str | None = None
    """Why it could not be run or judged whole."""

    @property
    def ok(self) -> bool:
        return self.failure is None and all(output.ok for output in self.outputs)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "case": self.name,
            "seed": self.seed,
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "failure": self.failure,
            "outputs": [output.as_dict() for output in self.outputs],
        }


def run_cases(
    cases: Sequence[CaseFile], manifest: Manifest, device: torch.device
) -> Iterator[CaseReport]:
    """Run cases in float32, weights of one seed at a time in memory.

    Parameters
    ----------
    cases : sequence of CaseFile
        By seed, as :func:`find_cases` gives them.
    manifest : Manifest
        Layout and fill rules of the weights.
    device : torch.device
        Where to compute; off the CPU, the limits are three times as wide.

    Yields
    ------
    CaseReport
        One a case, as soon as it is known.
    """
    factor = 1.0 if device.type == "cpu" else GPU_FACTOR
    networks: SyntheticNetworks | None = None
    with _true_float32():
        for index, case in enumerate(cases):
            if networks is None or networks.seed != case.seed:
                networks = SyntheticNetworks(manifest, case.seed, device)
            yield run_case(case, networks, factor)
            ahead = (later for later in cases[index + 1 :] if later.seed == case.seed)
            networks.keep_only(tuple({name for later in ahead for name in later.networks}))


def run_case(case: CaseFile, networks: SyntheticNetworks, factor: float = 1.0) -> CaseReport:
    """Run one case and judge each of its outputs."""
    start = time.monotonic()
    reports: list[OutputReport] = []
    failure: str | None = None
    function = ALL_CASES.get(case.name)
    if function is None:
        failure = "unknown case: this version of Heat does not know how to run it"
    else:
        try:
            with torch.no_grad():
                outputs = function(CaseRun(case.inputs(), networks))
            arrays = {key: _array(value) for key, value in outputs.items()}
            reports = [
                OutputReport(name, tuple(compare_output(case, name, arrays[name], factor)))
                for name in case.outputs
                if name in arrays
            ]
            lacking = sorted(set(case.outputs) - set(arrays))
            failure = f"no output {', '.join(lacking)}" if lacking else None
        except HeatError as error:
            failure = str(error)
        except (MemoryError, torch.OutOfMemoryError):
            failure = "not enough memory on this device"
        except Exception as error:  # one broken case must not hide the others
            failure = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return CaseReport(case.name, case.seed, tuple(reports), time.monotonic() - start, failure)


def pick_device(name: str) -> torch.device:
    """Choose where to compute.

    Raises
    ------
    MissingHere
        When ``cuda`` is asked for and there is none.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise MissingHere("no CUDA device here: choose --device cpu")
    return torch.device("cuda")


class _true_float32:  # noqa: N801  (a context manager that reads as one)
    """TF32 off for a while: the cases are in true float32."""

    def __enter__(self) -> None:
        self._before = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
        self._set(False, False)

    def __exit__(self, *_: object) -> None:
        self._set(*self._before)

    @staticmethod
    def _set(matmul: bool, cudnn: bool) -> None:
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = cudnn


def _finite(error: float) -> float | None:
    """Return None for NaN and infinity, which JSON lacks."""
    return error if math.isfinite(error) else None


def _array(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
