# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads recorded cases and the limits of their outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from bridge.errors import BadInput
from bridge.npz_file import read_npz
from heat_backend.styleheat.conformance import synthetic

MOST_BYTES = 1 << 30  # of one case, unpacked: far above the recorded ones
RELATIVE_FLOOR = 2e-6  # of the largest value: some 16 float32 roundings


@dataclass(frozen=True)
class Limits:
    """How far an output may be off."""

    elements: float
    rms: float
    projection: float


@dataclass(frozen=True)
class CaseFile:
    """One recorded case."""

    path: Path
    name: str
    seed: int
    networks: tuple[str, ...]
    outputs: Mapping[str, Mapping[str, Any]]
    """Shape, mean, std, absmax and projections of each output; ``slices`` where it is a sample."""
    arrays: Mapping[str, NDArray[Any]]
    """``out.NAME`` (or ``.sub``, ``.edge``) and ``in.NAME`` as recorded."""
    input_specs: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, Limits]

    @property
    def label(self) -> str:
        """Name and seed, as the files are called."""
        return f"{self.name}.seed{self.seed}"

    def inputs(self) -> dict[str, NDArray[Any]]:
        """Make the inputs anew from the seed; the few recorded ones are taken as they are."""
        made = {
            name: synthetic.case_input(self.seed, self.name, name, spec)
            for name, spec in self.input_specs.items()
        }
        stored = {k[3:]: v for k, v in self.arrays.items() if k.startswith("in.")}
        return made | stored


def find_cases(folder: Path) -> list[CaseFile]:
    """Read every case of a folder.

    Returns
    -------
    list of CaseFile
        By seed, then by the networks that they need, so that weights can be made once.

    Raises
    ------
    BadInput
        When the folder holds none, or a file is not a case.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder: give the one that holds the cases")
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise BadInput(f"{folder} holds no cases (files named CASE.seedN.npz)")
    limits = _limits_file(folder)
    cases = [_read(path, limits) for path in paths]
    return sorted(cases, key=lambda case: (case.seed, case.networks, case.name))


def _read(path: Path, limits: Mapping[str, Any]) -> CaseFile:
    try:
        stored = read_npz(path, MOST_BYTES)
        meta = json.loads(str(stored["meta"]))
        arrays = {key: value for key, value in stored.items() if key != "meta"}
        name, outputs = str(meta["case"]), meta["outputs"]
        given = limits.get(name, {})
        return CaseFile(
            path=path,
            name=name,
            seed=int(meta["seed"]),
            networks=tuple(meta.get("networks", ())),
            outputs=outputs,
            arrays=arrays,
            input_specs=meta.get("inputs", {}),
            limits={key: _limits(given.get(key), info) for key, info in outputs.items()},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not a recorded case ({error})") from error


def _limits_file(folder: Path) -> Mapping[str, Any]:
    path = folder / "tolerances.json"
    if not path.is_file():
        return {}
    try:
        content: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        return content
    except ValueError as error:
        raise BadInput(f"{path}: not a table of limits ({error})") from error


def _limits(given: Mapping[str, float] | None, info: Mapping[str, Any]) -> Limits:
    """Take the limits as recorded; else ten times the reference's own float32 error."""
    if given is not None:
        return Limits(given["abs"], given["rms"], given["proj"])
    floor = RELATIVE_FLOOR * float(info.get("absmax", 0.0))
    seen = (info.get(key, 0.0) for key in ("fp32_max_abs", "fp32_rms", "fp32_proj_abs"))
    return Limits(*(max(10.0 * float(error), floor) for error in seen))
