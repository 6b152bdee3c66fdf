# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading the published layouts: what comes out, what is refused, what the cache keeps."""

import os
import pickle
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from bridge.errors import BadInput, MissingHere
from heat_backend.styleheat.weights import load
from heat_backend.styleheat.weights.folder import (
    Record,
    WeightsFolder,
    checksum_file,
    find_folder,
    write_record,
)
from heat_backend.styleheat.weights.load import CHECKPOINT_OF, load_network
from heat_backend.styleheat.weights.manifest import load_manifest
from tests.styleheat import layout_files


@pytest.fixture
def folder(tmp_path: Path) -> WeightsFolder:
    path = tmp_path / "checkpoints"
    path.mkdir()
    return WeightsFolder(path)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def put(folder: WeightsFolder, place: str, content: object) -> Path:
    path = folder.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def test_every_network_loads_from_a_checkout_as_it_is(tmp_path: Path, cache: Path) -> None:
    """The whole layout; the largest networks by their keys only, to stay quick."""
    (tmp_path / "StyleHEAT" / "checkpoints").mkdir(parents=True)
    layout_files.write_checkpoints(tmp_path / "StyleHEAT" / "checkpoints")
    found = find_folder(tmp_path / "StyleHEAT")
    assert found.path.name == "checkpoints"
    found.require_engine()
    for name in ("hfgi_aligner", "hfgi_encoder", "video_warper", "e4e_latent_avg"):
        weights = load_network(name, found, cache)
        layout = load_manifest().network(name)
        assert set(weights) == {t.key for t in layout.tensors}
        for tensor in layout.tensors:
            got = weights[tensor.key]
            assert tuple(got.shape) == tensor.shape
            assert got.dtype == getattr(torch, tensor.dtype)
            if got.is_floating_point() and got.numel():
                assert got.flatten()[-1] == pytest.approx(layout_files.number_of(name, tensor.key))


def test_layout_of_every_file_is_checked_without_reading_its_numbers(tmp_path: Path) -> None:
    from heat_backend.styleheat.weights.checkpoints import check_layout

    layout_files.write_checkpoints(tmp_path)
    for place in dict.fromkeys(CHECKPOINT_OF.values()):
        check_layout(tmp_path / place, place)


def test_keys_of_the_visual_file_win_over_the_generators_own(
    folder: WeightsFolder, cache: Path
) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    newer = layout_files.network("hfgi_aligner", "generator.hfgi_aligner.", add=1.0)
    key = next(iter(newer))
    put(folder, "StyleHEAT_visual.pt", layout_files.visual(part={key: newer[key]}))
    weights = load_network("hfgi_aligner", folder, cache)
    short = key.removeprefix("generator.hfgi_aligner.")
    number = layout_files.number_of
    assert weights[short].flatten()[0] == pytest.approx(number("hfgi_aligner", short) + 1)
    other = next(k for k in weights if k != short and weights[k].is_floating_point())
    assert weights[other].flatten()[0] == pytest.approx(number("hfgi_aligner", other))


def test_all_wrong_keys_are_one_line_that_names_file_and_keys(
    folder: WeightsFolder, cache: Path
) -> None:
    content = layout_files.contents()["hfgi.pth"]
    aligner = content["aligner"]
    del aligner["conv_layer1.0.weight"]
    aligner["conv_layer9.0.weight"] = torch.zeros(1)
    aligner["conv_layer1.1.weight"] = torch.zeros(17)
    put(folder, "hfgi.pth", content)
    with pytest.raises(BadInput) as caught:
        load_network("hfgi_aligner", folder, cache)
    said = str(caught.value)
    assert "\n" not in said
    assert "hfgi.pth" in said
    assert "1 missing: conv_layer1.0.weight" in said
    assert "1 unknown: conv_layer9.0.weight" in said
    assert "1 misshapen: conv_layer1.1.weight 17 in place of 16" in said


def test_unknown_keys_of_a_known_network_in_the_visual_file_are_refused(
    folder: WeightsFolder, cache: Path
) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    extra = {"generator.hfgi_aligner.more.weight": torch.zeros(1)}
    put(folder, "StyleHEAT_visual.pt", layout_files.visual(part=extra))
    with pytest.raises(BadInput, match=r"StyleHEAT_visual.pt.*generator\.hfgi_aligner\.more"):
        load_network("hfgi_aligner", folder, cache)


@pytest.mark.parametrize("place", ["hfgi.pth", "StyleHEAT_visual.pt"])
def test_a_checkpoint_of_another_model_is_reported(
    place: str, folder: WeightsFolder, cache: Path
) -> None:
    put(folder, place, {"state_dict": {"conv.weight": torch.zeros(3)}})
    name = "hfgi_aligner" if place == "hfgi.pth" else "calibrator"
    with pytest.raises(BadInput, match=f"{place}.*another model"):
        load_network(name, folder, cache)


def test_a_truncated_file_is_reported(folder: WeightsFolder, cache: Path) -> None:
    path = put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    with pytest.raises(BadInput, match=r"hfgi.pth is damaged or cut off \([\d,]+ bytes\)"):
        load_network("hfgi_aligner", folder, cache)


class _Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.mark),))


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_code_in_a_file_is_refused_and_never_run(
    form: str, folder: WeightsFolder, cache: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "code ran"
    content = {**layout_files.contents()["hfgi.pth"], "extra": _Trap(mark)}
    if form == "torch":
        put(folder, "hfgi.pth", content)
    else:
        (folder.path / "hfgi.pth").write_bytes(pickle.dumps({"aligner": _Trap(mark)}))
    with pytest.raises(BadInput, match=r"hfgi.pth holds code .* not opened"):
        load_network("hfgi_aligner", folder, cache)
    assert not mark.exists()


def test_nan_in_a_checkpoint_is_reported_with_its_key(folder: WeightsFolder, cache: Path) -> None:
    content = layout_files.contents()["hfgi.pth"]
    content["encoder"]["conv_layer1.1.bias"] = torch.full((32,), float("nan"))
    put(folder, "hfgi.pth", content)
    with pytest.raises(BadInput, match=r"hfgi.pth holds NaN .*conv_layer1\.1\.bias"):
        load_network("hfgi_encoder", folder, cache)
    assert not list(cache.glob("*"))


def test_a_folder_with_half_the_files_is_one_line(folder: WeightsFolder, cache: Path) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    with pytest.raises(MissingHere) as caught:
        folder.require_engine()
    said = str(caught.value)
    assert "StyleGAN_e4e.pth" in said
    assert "hfgi.pth" not in said
    assert "heat weights fetch" in said
    with pytest.raises(MissingHere, match=r"StyleGAN_e4e\.pth not in"):
        load_network("stylegan", folder, cache)


def test_a_file_that_changed_since_its_fetch_is_refused(folder: WeightsFolder, cache: Path) -> None:
    path = put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    seen = checksum_file(path)
    write_record(folder.path, Record({"hfgi.pth": seen}))
    content = layout_files.contents()["hfgi.pth"]
    content["aligner"]["conv_layer1.1.bias"] = torch.ones(1).expand(16)
    put(folder, "hfgi.pth", content)
    with pytest.raises(BadInput, match=r"hfgi.pth (has changed|is cut off)"):
        load_network("hfgi_aligner", folder, cache)


def test_cache_serves_the_second_time_and_follows_the_file(
    folder: WeightsFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    first = load_network("hfgi_aligner", folder, cache)
    (kept,) = cache.glob("*.safetensors")
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", None)
        second = load_network("hfgi_aligner", folder, cache)
    assert all(torch.equal(first[key], second[key]) for key in first)
    newer = {
        "aligner": layout_files.network("hfgi_aligner", add=1.0),
        "encoder": layout_files.network("hfgi_encoder"),
    }
    os.utime(put(folder, "hfgi.pth", newer), (1, 1))
    third = load_network("hfgi_aligner", folder, cache)
    assert not torch.equal(first["conv_layer1.1.bias"], third["conv_layer1.1.bias"])
    assert [path for path in cache.glob("*")] != [kept], "the stale cache is replaced"
    assert len(list(cache.glob("*"))) == 1


@pytest.mark.parametrize("damage", ["cut off", "one bit", "not safetensors"])
def test_a_corrupted_cache_is_made_anew(damage: str, folder: WeightsFolder, cache: Path) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    right = load_network("hfgi_aligner", folder, cache)
    (kept,) = cache.glob("*.safetensors")
    data = bytearray(kept.read_bytes())
    if damage == "cut off":
        data = data[: len(data) // 2]
    elif damage == "one bit":
        data[-1000] ^= 1
    else:
        data = bytearray(b"nothing")
    kept.write_bytes(data)
    layout = load_manifest().network("hfgi_aligner")
    assert load.read_cached(kept, layout) is None
    again = load_network("hfgi_aligner", folder, cache)
    assert all(torch.equal(right[key], again[key]) for key in right)
    assert load.read_cached(kept, layout) is not None


def test_no_room_for_the_cache_keeps_no_one_from_loading(
    folder: WeightsFolder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "hfgi.pth", layout_files.contents()["hfgi.pth"])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    assert load_network("hfgi_aligner", folder, cache)
    assert not list(cache.glob("*"))
