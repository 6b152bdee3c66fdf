# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads networks out of the published checkpoint files, strictly, without running code in them.

Each file holds one or more networks at a place of its own. A key that is missing, unknown or of
another shape is one error that names file and keys.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bridge.errors import BadInput, MissingHere
from heat_backend.styleheat.weights.manifest import NetworkLayout, load_manifest

VISUAL = "StyleHEAT_visual.pt"
_FETCH_AGAIN = "fetch it again with `heat weights fetch`"
_MAX_LISTED = 4


@dataclass(frozen=True)
class Section:
    """Where one network stands in a file.

    Attributes
    ----------
    network : str
        Name in the manifest.
    top : str
        Entry of the file that holds it; "" where the file itself is the state dict.
    prefix : str
        What its keys begin with there; keys that begin otherwise belong to others.
    partial : bool
        It may lack keys, or all: those that are there win over another file's.
    ignored : tuple of str
        Beginnings of unknown keys that are let pass.
    """

    network: str
    top: str = ""
    prefix: str = ""
    partial: bool = False
    ignored: tuple[str, ...] = ()


def _within_visual(network: str, partial: bool = True) -> Section:
    prefix = load_manifest().network(network).prefix
    # The latent average stands beside the encoder, which another section reads.
    ignored = ("encoder.",) if network == "e4e_latent_avg" else ()
    return Section(network, "net_G_ema", prefix, partial, ignored)


def sections_of(place: str) -> tuple[Section, ...]:
    """Return what stands in a file, by its path in the weights folder; nothing if unknown."""
    sections: dict[str, tuple[Section, ...]] = {
        VISUAL: (
            _within_visual("video_warper", partial=False),
            _within_visual("calibrator", partial=False),
            *map(
                _within_visual,
                (
                    "audio_warper",
                    "stylegan",
                    "e4e_encoder",
                    "e4e_latent_avg",
                    "hfgi_aligner",
                    "hfgi_encoder",
                ),
            ),
        ),
        "StyleGAN_e4e.pth": (Section("stylegan"),),
        "Encoder_e4e.pth": (Section("e4e_encoder", "encoder"), Section("e4e_latent_avg", "latent")),
        "hfgi.pth": (Section("hfgi_aligner", "aligner"), Section("hfgi_encoder", "encoder")),
        "Deep3D/epoch_20.pth": (Section("deep3d_recon", "net_recon"),),
        "stylegan2_d_256.pth": (Section("discriminator"),),
        "model_ir_se50.pth": (Section("ir_se50"),),
        "video_warper.pth": (Section("video_warper", "net_G_ema"),),
        # torchvision's file has the last layer and the classifier too.
        "vgg19-dcbd9e9d.pth": (Section("vgg19", ignored=("features.", "classifier.")),),
    }
    return sections.get(place, ())


def read_torch_file(path: Path, name: str = "") -> Any:
    """Read a torch file of tensors and plain containers; its tensors stay on disk until used.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        What to call it in messages; its own name unless given.

    Raises
    ------
    MissingHere
        It is not there.
    BadInput
        It is damaged, cut off, no torch file, or holds code (which is not run).
    """
    name = name or path.name
    try:
        # Only the zip form can stay on disk; the older one is read whole.
        on_disk = zipfile.is_zipfile(path)
        with (
            warnings.catch_warnings()
        ):  # of unusual pickles, which are refused or read all the same
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=on_disk or None)
    except FileNotFoundError:
        raise MissingHere(f"{path} is not there: run `heat weights fetch`") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder, not a checkpoint file") from None
    except PermissionError as error:
        raise BadInput(f"{path} may not be read: {error.strerror}") from error
    except pickle.UnpicklingError as error:
        if "Unsupported" in str(error) or "GLOBAL" in str(error):
            raise BadInput(
                f"{name} holds code beside its weights and was not opened: it is not the "
                f"published file; {_FETCH_AGAIN}"
            ) from error
        raise BadInput(f"{name} is damaged or no torch file: {_FETCH_AGAIN}") from error
    except MemoryError:
        raise
    except Exception as error:  # the reader fails in many ways on a file that was cut off
        raise BadInput(f"{name} is damaged or cut off ({_size(path)}): {_FETCH_AGAIN}") from error


def read_section(content: Any, section: Section, name: str) -> dict[str, Tensor]:
    """Take one network out of a file's content.

    Parameters
    ----------
    content : any
        As :func:`read_torch_file` gives it.
    section : Section
        Which one.
    name : str
        What to call the file in messages.

    Returns
    -------
    dict of Tensor
        By the manifest's keys, which a partial section may lack; types as in the file.

    Raises
    ------
    BadInput
        A key is missing, unknown, or of another shape.
    """
    layout = load_manifest().network(section.network)
    entries = _entries(content, section, name)
    check_entries(entries, layout, section, name)
    known = {tensor.key for tensor in layout.tensors}
    return {key: value for key, value in entries.items() if key in known}


def check_entries(
    entries: Mapping[str, Any], layout: NetworkLayout, section: Section, name: str
) -> None:
    """Compare a state dict's keys and shapes with the layout.

    Raises
    ------
    BadInput
        One line with all that is wrong.
    """
    shapes = {tensor.key: tensor.shape for tensor in layout.tensors}
    missing = [] if section.partial else [key for key in shapes if key not in entries]
    extra = [
        key
        for key in entries
        if key not in shapes and not (key.startswith(section.ignored or "\0"))
    ]
    misshapen = [
        f"{key} {_value_shape_text(entries[key])} in place of {_shape_text(shape)}"
        for key, shape in shapes.items()
        if key in entries and not _has_shape(entries[key], shape)
    ]
    if len(missing) == len(shapes):
        begins = ", ".join(list(entries)[:_MAX_LISTED]) or "nothing"
        raise BadInput(
            f"{name} is a checkpoint of another model: it has no key of {layout.name} (it holds "
            f"{begins}); {_FETCH_AGAIN}"
        )
    problems = [
        f"{len(keys)} {what}: {_listed(section.prefix, keys)}"
        for what, keys in (("missing", missing), ("unknown", extra), ("misshapen", misshapen))
        if keys
    ]
    if problems:
        raise BadInput(f"{name}, keys of {layout.name}: {'; '.join(problems)}; {_FETCH_AGAIN}")


def check_numbers(entries: Mapping[str, Tensor], section: Section, name: str) -> None:
    """Make sure that no weight is a NaN or infinite.

    Raises
    ------
    BadInput
        Naming the keys.
    """
    wrong = [
        key
        for key, value in entries.items()
        if value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if wrong:
        raise BadInput(
            f"{name} holds NaN or infinity in {_listed(section.prefix, wrong)}: the file is "
            f"damaged; {_FETCH_AGAIN}"
        )


def check_layout(path: Path, place: str) -> None:
    """Check a file that should stand at ``place``: keys and shapes of every network in it.

    Raises
    ------
    BadInput
        It is not the published file.
    """
    content = read_torch_file(path, Path(place).name)
    for section in sections_of(place):
        read_section(content, section, Path(place).name)


def _entries(content: Any, section: Section, name: str) -> dict[str, Any]:
    """Return the state dict of a section, keys without its prefix."""
    if section.network == "e4e_latent_avg" and section.top == "latent":
        return _latent_average(content, name)
    state = content.get(section.top) if section.top and isinstance(content, dict) else content
    if not isinstance(state, Mapping):
        held = ", ".join(list(map(str, content))[:_MAX_LISTED]) if isinstance(content, dict) else ""
        raise BadInput(
            f"{name} has no part `{section.top or 'state dict'}` (it holds {held or 'no table'}): "
            f"it is a checkpoint of another model; {_FETCH_AGAIN}"
        )
    cut = len(section.prefix)
    return {str(k)[cut:]: value for k, value in state.items() if str(k).startswith(section.prefix)}


def _latent_average(content: Any, name: str) -> dict[str, Any]:
    value = content.get("latent_avg") if isinstance(content, dict) else None
    if value is None:
        raise BadInput(f"{name} has no `latent_avg`: it is another encoder; {_FETCH_AGAIN}")
    if isinstance(value, Tensor) and value.ndim == 3 and value.shape[0] == 1:
        value = value[0]
    return {"latent_avg": value}


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and tuple(value.shape) == shape and not value.is_complex()


def _value_shape_text(value: Any) -> str:
    return _shape_text(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__


def _shape_text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"


def _listed(prefix: str, keys: list[str]) -> str:
    more = f" and {len(keys) - _MAX_LISTED} more" if len(keys) > _MAX_LISTED else ""
    return ", ".join(prefix + key for key in keys[:_MAX_LISTED]) + more


def _size(path: Path) -> str:
    try:
        return f"{path.stat().st_size:,} bytes"
    except OSError:
        return "size unknown"
