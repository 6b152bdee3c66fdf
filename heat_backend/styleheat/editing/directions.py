# SPDX-License-Identifier: GPL-3.0-or-later
"""Latent edits: W+ moved along an InterFaceGAN direction, or to a place on a principal component.

Directions (arXiv 1907.10786) and components (GANSpace, arXiv 2004.02546) are read from the weights
folder, a user's own beside the published ones; a JSON file beside one may set strength and region.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bridge.edits import EDIT_BY_NAME
from bridge.errors import BadInput, HeatError, UsageError
from heat_backend.styleheat.editing.attribute_region import check_region, region_of
from heat_backend.styleheat.weights.checkpoints import read_torch_file
from heat_backend.styleheat.weights.folder import WeightsFolder

# Published strengths, and which component and rows the two that come from components use.
YOUNG, OLD, POSE = -5.0, 5.0, 2.0
BEARD, BEARD_COMPONENT, BEARD_ROWS = -20.0, 58, (7, 8)
LIP, LIP_COMPONENT, LIP_ROWS = 20.0, 34, (10, 10)

FOLDER = "directions"
ROWS, LATENT = 18, 512
ALIASES: Mapping[str, tuple[str, float]] = {"young": ("age", -1.0), "old": ("age", 1.0)}
_PUBLISHED_FOLDER = "interfacegan_directions"
_COMPONENTS = "ffhq_pca.pt"
_FIRST_COMPONENTS = 10  # offered of a file without a JSON table: the widest ones
_DEVIATIONS = 3.0  # full strength of a component: the range of nearly all latents
_STRENGTH = OLD  # full strength of a direction that names none


@dataclass(frozen=True)
class Direction:
    """A direction in W+ (InterFaceGAN).

    Attributes
    ----------
    vector : Tensor, broadcastable to (B, 18, 512)
        One unit of strength.
    """

    vector: Tensor

    def apply(self, rows: Tensor, strength: float) -> Tensor:
        """Return w+ (B, 18, 512) moved by ``strength``."""
        return rows + strength * self.vector


@dataclass(frozen=True)
class Component:
    """A principal component of the latents (GANSpace), for some rows of W+.

    Attributes
    ----------
    vector, mean : Tensor, shape (512,)
        Its direction, and the mean of the latents.
    deviation : float
        Standard deviation of the latents along it.
    rows : (first, last)
        Rows of w+ that move, both included.
    """

    vector: Tensor
    mean: Tensor
    deviation: float
    rows: tuple[int, int]

    def apply(self, rows: Tensor, target: float) -> Tensor:
        """Return w+ (B, 18, 512) brought to ``target`` deviations along the component.

        The present position is read from row 0 for all rows, as published.
        """
        current = ((rows[:, 0] - self.mean) @ self.vector) / self.deviation  # (B,)
        step = (target - current)[:, None] * self.vector * self.deviation  # (B, 512)
        moved = torch.zeros(rows.shape[1], dtype=rows.dtype, device=rows.device)
        moved[self.rows[0] : self.rows[1] + 1] = 1
        return rows + step[:, None] * moved[:, None]


def component(statistics: Mapping[str, Tensor], number: int, rows: tuple[int, int]) -> Component:
    """Pick one component out of a file's statistics.

    Parameters
    ----------
    statistics : mapping
        ``mean`` (1, 512), ``comp`` (N, 512) or (N, 1, 512), ``std`` (N,).
    number : int
        From 0.
    rows : (first, last)
        Rows of w+ that it moves.
    """
    vector = statistics["comp"][number].reshape(-1)
    mean = statistics["mean"].reshape(-1, vector.shape[0])[0]
    return Component(vector, mean, float(statistics["std"][number]), rows)


@dataclass(frozen=True)
class LatentEdit:
    """One named edit.

    Attributes
    ----------
    name : str
        As in ``edits``: 0 is off, 1 the full strength.
    direction : Direction or Component
    strength : float
        What the full strength is, in the direction's unit or the component's deviations.
    source : str
        File that it comes from.
    signed : bool
        Whether -1 makes sense as well.
    region : str
        Where it shows; see :mod:`heat_backend.styleheat.editing.attribute_region`.
    """

    name: str
    direction: Direction | Component
    strength: float
    source: str
    signed: bool = True
    region: str = ""

    def step(self, rows: Tensor, amount: float) -> Tensor:
        """Return by how much w+ (B, 18, 512) moves."""
        return amount * (self.direction.apply(rows, self.strength) - rows)


@dataclass(frozen=True)
class EditList:
    """The edits of a weights folder, and a line about each file that cannot be used."""

    edits: Mapping[str, LatentEdit]
    problems: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All that may be asked for, by other names too."""
        aliases = (name for name, (known, _) in ALIASES.items() if known in self.edits)
        return (*self.edits, *aliases)

    def known(self, name: str) -> LatentEdit:
        """Return an edit by one of its names."""
        return self.edits[ALIASES.get(name, (name, 1.0))[0]]

    def is_signed(self, name: str) -> bool:
        """Whether an edit goes both ways."""
        return name not in ALIASES and self.known(name).signed

    def regions(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return where some edits show."""
        found = [self.known(name) for name in names]
        return tuple(edit.region or region_of(edit.name) for edit in found)

    def fingerprint(self, names: Iterable[str]) -> str:
        """Return a digest of what some edits do."""
        digest = hashlib.sha256()
        for name in sorted({ALIASES.get(name, (name, 1.0))[0] for name in names}):
            edit = self.edits.get(name)
            if edit is not None:
                step = edit.step(torch.zeros(1, ROWS, LATENT), 1.0)
                digest.update(step.contiguous().numpy().tobytes())
                digest.update(repr((name, self.regions([name]))).encode())
        return digest.hexdigest()[:16]

    def apply(self, rows: Tensor, amounts: Mapping[str, float]) -> Tensor:
        """Return w+ (B, 18, 512) with some edits applied; their order does not matter.

        Raises
        ------
        UsageError
            An edit is unknown.
        """
        moved = rows
        for name, amount in amounts.items():
            known, sign = ALIASES.get(name, (name, 1.0))
            if known not in self.edits:
                names = ", ".join(sorted(self.edits)) or "none: `heat weights fetch` brings some"
                raise UsageError(f"there is no latent edit {name!r}; there are: {names}")
            if amount:
                moved = moved + self.edits[known].step(rows, sign * amount)
        return moved


def find_edits(folder: WeightsFolder) -> EditList:
    """Collect the edits whose files are in a weights folder; a user's own win over published ones.

    A file that cannot be used costs its own edits only.
    """
    found: dict[str, LatentEdit] = {}
    problems: list[str] = []
    paths = [*_files(folder.path / _PUBLISHED_FOLDER), folder.path / _COMPONENTS]
    for path in (*paths, *_files(folder.path / FOLDER)):
        if not path.is_file():
            continue
        try:
            read = {edit.name: edit for edit in _read(path)}
            taken = sorted(read.keys() & EDIT_BY_NAME.keys())
            if taken:
                raise BadInput(f"{path.name}: {taken[0]} is another edit's name: rename the file")
            found |= read
        except HeatError as error:
            problems.append(str(error))
    return EditList(found, tuple(problems))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.pt")) if folder.is_dir() else []


def _read(path: Path) -> Iterator[LatentEdit]:
    """Yield the edits of one file."""
    content = read_torch_file(path)
    if path.name == _COMPONENTS:
        yield from _published_components(path, content)
        return
    metadata = _read_metadata(path)
    if isinstance(content, Tensor):
        default = POSE if _is_published(path, "pose") else _STRENGTH
        strength = _number(path, metadata.get("strength", default), "strength")
        direction = Direction(_direction(path, content))
        yield LatentEdit(path.stem, direction, strength, path.name, region=_region(path, metadata))
        return
    statistics = _statistics(path, content)
    if "edits" in metadata:
        for entry in _checked_list(path, metadata["edits"]):
            yield replace(_named_component(path, statistics, entry), region=_region(path, entry))
        return
    for number in range(min(_FIRST_COMPONENTS, len(statistics["comp"]))):
        unit = component(statistics, number, (0, ROWS - 1))
        along = Direction(unit.vector * unit.deviation)
        yield LatentEdit(f"{path.stem}_{number}", along, _DEVIATIONS, path.name)


def _published_components(path: Path, content: Any) -> Iterator[LatentEdit]:
    statistics = _statistics(path, content)
    published = (
        ("beard", BEARD_COMPONENT, BEARD_ROWS, BEARD),
        ("lip", LIP_COMPONENT, LIP_ROWS, LIP),
    )
    for name, number, rows, target in published:
        if number < len(statistics["comp"]):
            direction = component(statistics, number, rows)
            yield LatentEdit(name, direction, target, path.name, signed=False)


def _named_component(path: Path, statistics: Mapping[str, Tensor], entry: Any) -> LatentEdit:
    try:
        name, number = str(entry["name"]), int(entry["component"])
        first, last = (int(row) for row in entry.get("rows", (0, ROWS - 1)))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"{path.stem}.json: each edit needs a name and a component") from error
    if not (0 <= number < len(statistics["comp"]) and 0 <= first <= last < ROWS):
        raise BadInput(
            f"{path.stem}.json: {name} names component {number} and rows {first} to {last}; "
            f"there are {len(statistics['comp'])} components and {ROWS} rows"
        )
    target = _number(path, entry.get("place", _DEVIATIONS), "place")
    direction = component(statistics, number, (first, last))
    return LatentEdit(name, direction, target, path.name, signed=False)


def _direction(path: Path, vector: Tensor) -> Tensor:
    try:
        fits = torch.broadcast_shapes(vector.shape, (1, ROWS, LATENT)) == (1, ROWS, LATENT)
    except RuntimeError:
        fits = False
    if not fits or vector.shape[-1:] != (LATENT,):
        shape = "x".join(map(str, vector.shape)) or "one number"
        raise BadInput(f"{path.name} holds {shape} values, not a direction of 512 or 18x512")
    return _finite(path, vector)


def _statistics(path: Path, content: Any) -> dict[str, Tensor]:
    names = ("mean", "comp", "std")
    if not isinstance(content, dict) or not all(isinstance(content.get(n), Tensor) for n in names):
        raise BadInput(f"{path.name} holds neither a direction nor components (mean, comp, std)")
    found = {name: _finite(path, content[name]) for name in names}
    comp, std = found["comp"], found["std"].reshape(-1)
    whole = comp.ndim in {2, 3} and comp[0].numel() == LATENT and len(std) == len(comp)
    if not whole or found["mean"].numel() % LATENT:
        raise BadInput(f"{path.name} holds components of another model than StyleGAN2's 512")
    return found | {"std": std}


def _finite(path: Path, values: Tensor) -> Tensor:
    if not values.is_floating_point() or not bool(torch.isfinite(values).all()):
        raise BadInput(f"{path.name} holds NaN, infinity or no numbers: make it anew")
    return values.float()


def _read_metadata(path: Path) -> dict[str, Any]:
    """Return what the JSON file beside a direction says."""
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        metadata = json.loads(beside.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{beside.name} cannot be read as JSON: {error}") from error
    if not isinstance(metadata, dict):
        raise BadInput(f'{beside.name} should hold a table, such as {{"strength": 3}}')
    return metadata


def _checked_list(path: Path, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadInput(f"{path.stem}.json: `edits` should be a list")
    return value


def _number(path: Path, value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1000:
        raise BadInput(f"{path.stem}.json: `{name}` should be a number up to 1000")
    return float(value)


def _region(path: Path, metadata: Mapping[str, Any]) -> str:
    if "region" not in metadata:
        return ""
    try:
        return check_region(str(metadata["region"]))
    except BadInput as error:
        raise BadInput(f"{path.stem}.json: {error}") from error


def _is_published(path: Path, name: str) -> bool:
    return path.stem == name and path.parent.name == _PUBLISHED_FOLDER
