# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads one network's weights from the folder, by way of a safetensors cache."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from bridge.errors import BadInput, MissingHere
from bridge.whole_file import whole_file
from heat_backend.styleheat.weights import checkpoints
from heat_backend.styleheat.weights.checkpoints import Section
from heat_backend.styleheat.weights.folder import (
    FileChecksum,
    WeightsFolder,
    cache_folder,
    checksum_file,
    read_record,
)
from heat_backend.styleheat.weights.manifest import NetworkLayout, load_manifest

# Network -> the file that is its own. Keys in the visual file win over it, so that is read last.
CHECKPOINT_OF = {
    "video_warper": checkpoints.VISUAL,
    "calibrator": checkpoints.VISUAL,
    "audio_warper": checkpoints.VISUAL,
    "stylegan": "StyleGAN_e4e.pth",
    "e4e_encoder": "Encoder_e4e.pth",
    "e4e_latent_avg": "Encoder_e4e.pth",
    "hfgi_aligner": "hfgi.pth",
    "hfgi_encoder": "hfgi.pth",
    "deep3d_recon": "Deep3D/epoch_20.pth",
    "discriminator": "stylegan2_d_256.pth",
    "ir_se50": "model_ir_se50.pth",
    "vgg19": "vgg19-dcbd9e9d.pth",
}


def load_network(name: str, folder: WeightsFolder, cache: Path | None = None) -> dict[str, Tensor]:
    """Load the weights of one network.

    Parameters
    ----------
    name : str
        Name in the manifest.
    folder : WeightsFolder
        Where the published files lie.
    cache : Path, optional
        Folder of the cached weights; the user's own unless given.

    Returns
    -------
    dict of Tensor
        Ready for ``load_state_dict(..., strict=True)``: float32 and int64, on the CPU, finite.

    Raises
    ------
    MissingHere
        A file is not there.
    BadInput
        A file is damaged, changed since it was fetched, or not the published one.
    """
    layout = load_manifest().network(name)
    files = tuple(folder.path / place for place in _checkpoints_of(name))
    cached_path = cache_path(layout, files, cache or cache_folder())
    weights = read_cached(cached_path, layout)
    if weights is None:
        weights = _read_checkpoints(layout, folder)
        write_cached(cached_path, weights)
    return weights


def _checkpoints_of(name: str) -> tuple[str, ...]:
    """Return the files that a network is read from, in order; later ones win."""
    own = CHECKPOINT_OF[name]
    overlaid = any(
        section.network == name for section in checkpoints.sections_of(checkpoints.VISUAL)
    )
    return (own, checkpoints.VISUAL) if overlaid and own != checkpoints.VISUAL else (own,)


def _read_checkpoints(layout: NetworkLayout, folder: WeightsFolder) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    recorded = read_record(folder.path)
    absent = []
    for place in _checkpoints_of(layout.name):
        path = folder.path / place
        if not path.is_file():
            absent.append(place)
            continue
        check_unchanged(path, recorded.files.get(place))
        (section,) = (s for s in checkpoints.sections_of(place) if s.network == layout.name)
        weights |= _read_section(path, section)
    missing = [tensor.key for tensor in layout.tensors if tensor.key not in weights]
    if missing and absent:
        raise MissingHere(
            f"the StyleHEAT engine needs weights: {absent[0]} not in {folder.path}; run "
            "`heat weights fetch`, or press Fetch Weights in the add-on's preferences"
        )
    if missing:
        raise BadInput(f"{path.name} holds no whole {layout.name} (no {missing[0]})")
    return {t.key: _to_layout_dtype(weights[t.key], t.dtype) for t in layout.tensors}


def _read_section(path: Path, section: Section) -> dict[str, Tensor]:
    content = checkpoints.read_torch_file(path)
    entries = checkpoints.read_section(content, section, path.name)
    checkpoints.check_numbers(entries, section, path.name)
    return entries


def _to_layout_dtype(tensor: Tensor, dtype: str) -> Tensor:
    """Return a tensor of its own memory, off the file, of the layout's type."""
    wanted = torch.int64 if dtype == "int64" else torch.float32
    return tensor.detach().to(wanted).clone(memory_format=torch.contiguous_format)


def check_unchanged(path: Path, recorded: FileChecksum | None) -> None:
    """Make sure that a file is the one that was fetched.

    Raises
    ------
    BadInput
        Its size or checksum is another than recorded.
    """
    if recorded is None:
        return
    size = path.stat().st_size
    if size < recorded.size:
        raise BadInput(
            f"{path.name} is cut off at {size / recorded.size:.0%} of its size: delete it, then "
            "`heat weights fetch`"
        )
    if checksum_file(path) != recorded:
        raise BadInput(
            f"{path.name} has changed since it was fetched (another checksum): delete it, then "
            "`heat weights fetch`"
        )


_FORM = "heat-weights-1"
_RESERVE = 2_000_000_000  # bytes that a cache leaves free on the disk


def files_fingerprint(files: tuple[Path, ...]) -> str:
    """Return what changes whenever one of some files does: places, sizes and times."""
    rows = []
    for path in files:
        try:
            stat = path.stat()
            rows.append([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
        except OSError:
            rows.append([str(path.resolve()), -1, 0])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def cache_path(layout: NetworkLayout, files: tuple[Path, ...], folder: Path) -> Path:
    """Return where a network's weights from some files are cached."""
    places = hashlib.sha256("\n".join(str(p.resolve()) for p in files).encode()).hexdigest()[:12]
    return folder / f"{layout.name}-{places}-{files_fingerprint(files)[:24]}.safetensors"


def read_cached(path: Path, layout: NetworkLayout) -> dict[str, Tensor] | None:
    """Return cached weights, or None where there are none that can be trusted."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as cached:
            metadata = cached.metadata() or {}
            weights = {tensor.key: cached.get_tensor(tensor.key) for tensor in layout.tensors}
    except (SafetensorError, OSError, ValueError, RuntimeError):
        _reject(path)
        return None
    intact = metadata.get("form") == _FORM and metadata.get("crc32") == _checksum(weights)
    if not intact or any(tuple(weights[t.key].shape) != t.shape for t in layout.tensors):
        _reject(path)
        return None
    return weights


def write_cached(path: Path, weights: Mapping[str, Tensor]) -> bool:
    """Keep weights; older ones from the same files go. False where there is no room for them."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        needed = sum(tensor.nbytes for tensor in weights.values()) + _RESERVE
        if shutil.disk_usage(path.parent).free < needed:
            return False
        for old in path.parent.glob(path.name.rpartition("-")[0] + "-*.safetensors"):
            old.unlink(missing_ok=True)
        with whole_file(path) as part:
            save_file(dict(weights), part, {"form": _FORM, "crc32": _checksum(weights)})
    except (OSError, SafetensorError):  # a full disk must not keep anyone from rendering
        return False
    return True


def _checksum(weights: Mapping[str, Tensor]) -> str:
    crc = 0
    for key in sorted(weights):
        flat = weights[key].detach().contiguous().reshape(-1).view(torch.uint8)
        crc = zlib.crc32(flat.numpy().data, zlib.crc32(key.encode(), crc))
    return f"{crc:08x}"


def _reject(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
