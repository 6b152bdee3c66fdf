# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat weights``: fetched from a small server that also breaks off, refuses and lies."""

from __future__ import annotations

import errno
import json
import shutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from heat_backend.cli.main import main
from heat_backend.styleheat.weights import download
from tests.styleheat import layout_files
from tests.styleheat.file_server import FileServer, served

pytestmark = pytest.mark.slow

Heat = Callable[..., tuple[int, str, str]]
ACCEPTED = ("--accept-licence", "all", "--accept-licence", "bfm")
STATISTICS = "ffhq_PCA.npz"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RETRY_PAUSE", 0.0)
    monkeypatch.setattr(download, "CHUNK", 4096)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    """The published files by the names that they are published under."""
    made, shelf = tmp_path / "made", tmp_path / "shelf"
    made.mkdir()
    shelf.mkdir()
    for name in ("hfgi.pth", "ffhq_pca.pt"):
        torch.save(layout_files.contents()[name], shelf / name)
    rng = np.random.default_rng(0)
    statistics = {"X_mean": rng.normal(size=512), "X_comp": rng.normal(size=(80, 512))}
    np.savez(shelf / STATISTICS, X_stdev=np.ones(80), **statistics)
    layout_files.write_bfm(made / "BFM")
    layout_files.zipped(made / "BFM", shelf / "BFM_Fitting.zip", "BFM_Fitting")
    with served(shelf) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights é"


@pytest.fixture
def heat(server: FileServer, folder: Path, capfd: pytest.CaptureFixture[str]) -> Heat:
    def run(action: str, *arguments: object) -> tuple[int, str, str]:
        given = [action, *map(str, arguments), "--folder", str(folder)]
        if action == "fetch":
            given += ["--mirror", server.address]
        status = main(["weights", *given])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return run


def leftovers(folder: Path) -> set[str]:
    """Names of all that is in the folder, but for its record and lock."""
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return names - {"heat_weights.json", ".heat_fetch.lock"}


def one_line(err: str) -> str:
    """The one line of a failure; licences may have been shown before it."""
    assert err.strip().splitlines()[-1].startswith("error: "), err
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


def test_fetched_files_are_whole_checked_and_recorded(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    status, out, _ = heat("fetch", "hfgi.pth", STATISTICS, "BFM", *ACCEPTED)
    assert status == 0
    assert "fetched hfgi.pth, ffhq_PCA.npz, BFM" in out
    assert leftovers(folder) == {
        "hfgi.pth",
        STATISTICS,
        "BFM/similarity_Lm3D_all.mat",
        "BFM/BFM_model_front.mat",
    }
    assert (folder / STATISTICS).read_bytes() == (server.folder / STATISTICS).read_bytes()
    record = json.loads((folder / "heat_weights.json").read_text())
    assert set(record["files"]) == leftovers(folder)
    assert record["licences"] == ["bfm", "styleheat"]
    before = len(server.asked)
    status, out, _ = heat("fetch", "hfgi.pth", "BFM")
    assert status == 0
    assert "nothing: all of it was here" in out
    assert len(server.asked) == before


def test_licence_is_shown_and_needed_once(heat: Heat, folder: Path, server: FileServer) -> None:
    status, _, err = heat("fetch", "hfgi.pth")
    assert status == 2
    assert "--accept-licence styleheat" in one_line(err)
    assert "MIT License" in err
    assert not server.asked
    assert heat("fetch", "hfgi.pth", "--accept-licence", "styleheat")[0] == 0
    status, _, err = heat("fetch", STATISTICS)
    assert status == 0
    assert "MIT License" not in err


def test_the_face_models_licence_must_be_named(heat: Heat, server: FileServer) -> None:
    status, _, err = heat("fetch", "BFM", "--accept-licence", "all")
    assert status == 2
    assert "Basel Face Model" in err
    assert "--accept-licence bfm" in one_line(err)
    assert not server.asked


def test_a_connection_that_breaks_once_is_taken_up_again(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    server.cut_at, server.cuts_left = 0.9, 1
    assert heat("fetch", STATISTICS, *ACCEPTED)[0] == 0
    size = (server.folder / STATISTICS).stat().st_size
    assert server.asked == [STATISTICS, f"{STATISTICS} from {int(size * 0.9)}"]
    assert (folder / STATISTICS).read_bytes() == (server.folder / STATISTICS).read_bytes()


def test_a_download_cut_at_90_percent_goes_on_at_the_next_fetch(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    server.cut_at = 0.9
    status, _, err = heat("fetch", STATISTICS, *ACCEPTED)
    assert status == 4
    assert "90% of ffhq_PCA.npz is kept" in one_line(err)
    assert not (folder / STATISTICS).exists()
    server.cut_at, server.asked = 0.0, []
    assert heat("fetch", STATISTICS)[0] == 0
    size = (server.folder / STATISTICS).stat().st_size
    assert server.asked == [f"{STATISTICS} from {int(size * 0.9)}"]
    assert leftovers(folder) == {STATISTICS}
    assert (folder / STATISTICS).read_bytes() == (server.folder / STATISTICS).read_bytes()


@pytest.mark.parametrize("change", ["another version", "no ranges"])
def test_what_cannot_be_gone_on_with_is_fetched_anew(
    change: str, heat: Heat, folder: Path, server: FileServer
) -> None:
    server.cut_at = 0.5
    assert heat("fetch", STATISTICS, *ACCEPTED)[0] == 4
    server.cut_at, server.asked = 0.0, []
    if change == "no ranges":
        server.ranges = False
    else:
        server.version = '"2"'
        np.savez(
            server.folder / STATISTICS,
            X_mean=np.ones(512),
            X_comp=np.eye(90, 512),
            X_stdev=np.ones(90),
        )
    assert heat("fetch", STATISTICS)[0] == 0
    assert server.asked == [STATISTICS]
    assert (folder / STATISTICS).read_bytes() == (server.folder / STATISTICS).read_bytes()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404}, "does not have hfgi.pth"),
        ({"status": 403}, "refuses hfgi.pth"),
        ({"status": 503}, "fetch again later"),
        ({"page": True}, "a web page in place of the file"),
    ],
)
def test_a_wrong_answer_is_one_line_and_leaves_nothing(
    answer: dict[str, object], words: str, heat: Heat, folder: Path, server: FileServer
) -> None:
    for name, value in answer.items():
        setattr(server, name, value)
    status, _, err = heat("fetch", "hfgi.pth", *ACCEPTED)
    assert status in {3, 4}
    assert words in one_line(err)
    assert leftovers(folder) == set()


def test_nothing_listens(heat: Heat, folder: Path, server: FileServer) -> None:
    server.address = "http://127.0.0.1:9"
    status, _, err = heat("fetch", "hfgi.pth", *ACCEPTED)
    assert status == 4
    assert "check the connection" in one_line(err)


def test_a_file_of_another_kind_is_thrown_away(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    torch.save({"aligner": {"conv.weight": torch.zeros(3)}}, server.folder / "hfgi.pth")
    (server.folder / "BFM_Fitting.zip").write_bytes(b"PK\3\4 and no more")
    status, _, err = heat("fetch", "hfgi.pth", *ACCEPTED)
    assert status == 3
    assert "another model" in one_line(err)
    status, _, err = heat("fetch", "BFM", *ACCEPTED)
    assert status == 3
    assert "not a whole zip file" in one_line(err)
    assert leftovers(folder) == set()


def test_an_archive_never_writes_outside_or_half(
    heat: Heat, folder: Path, server: FileServer, tmp_path: Path
) -> None:
    import zipfile

    with zipfile.ZipFile(server.folder / "BFM_Fitting.zip", "w") as made:
        made.writestr("../escaped.txt", "out")
    status, _, err = heat("fetch", "BFM", *ACCEPTED)
    assert status == 3
    assert "leads outside" in one_line(err)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "std_exp.txt").write_text("1")
    layout_files.zipped(tmp_path / "some", server.folder / "BFM_Fitting.zip", "BFM_Fitting")
    status, _, err = heat("fetch", "BFM")
    assert status == 3
    assert "lacks similarity_Lm3D_all.mat" in one_line(err)
    assert leftovers(folder) == set()
    assert not (tmp_path / "escaped.txt").exists()


def test_no_space_is_reported_before_anything_is_fetched(
    heat: Heat, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    status, _, err = heat("fetch", STATISTICS, *ACCEPTED)
    assert status == 4
    assert "0.0 GB are free: make room" in one_line(err)
    assert leftovers(folder) == set()


class FillingUp:
    """A file on a disk that has room for 20 pieces."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._room = 20

    def __enter__(self) -> FillingUp:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: bytes) -> int:
        self._room -= 1
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._file.write(data))


def test_a_disk_that_fills_up_keeps_what_came(
    heat: Heat, folder: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = real(path, mode, *rest, **more)
        return FillingUp(file) if path == download.partial_path(folder / STATISTICS) else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        status, _, err = heat("fetch", STATISTICS, *ACCEPTED)
    assert status == 4
    assert "is full: what was fetched is kept" in one_line(err)
    assert (folder / f"{STATISTICS}.part").stat().st_size == 20 * 4096
    server.asked = []
    assert heat("fetch", STATISTICS)[0] == 0
    assert server.asked == [f"{STATISTICS} from {20 * 4096}"]


def test_a_file_changed_by_its_publisher_is_refused_unless_asked_for(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    assert heat("fetch", "ffhq_pca.pt", *ACCEPTED)[0] == 0
    (folder / "ffhq_pca.pt").unlink()
    newer = {"mean": torch.ones(1, 512), "comp": torch.eye(90, 512), "std": torch.ones(90)}
    torch.save(newer, server.folder / "ffhq_pca.pt")
    server.version = '"2"'
    status, _, err = heat("fetch", "ffhq_pca.pt")
    assert status == 3
    assert "--new-checksum" in one_line(err)
    assert heat("fetch", "ffhq_pca.pt", "--new-checksum")[0] == 0
    assert heat("verify", "ffhq_pca.pt")[0] == 0


def test_verify_tells_damage_and_records_what_it_sees_first(heat: Heat, folder: Path) -> None:
    folder.mkdir()
    torch.save(layout_files.contents()["hfgi.pth"], folder / "hfgi.pth")
    status, out, err = heat("verify")
    assert "ok    hfgi.pth" in out
    assert "checksums recorded" in out
    assert status == 4
    assert "the engine lacks StyleHEAT_visual.pt" in one_line(err)
    data = bytearray((folder / "hfgi.pth").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "hfgi.pth").write_bytes(data)
    status, out, err = heat("verify", "hfgi.pth")
    assert status == 3
    assert "not the file that was fetched first" in out
    assert "not sound: hfgi.pth" in one_line(err)


def test_a_damaged_file_is_replaced_by_the_next_fetch(
    heat: Heat, folder: Path, server: FileServer
) -> None:
    assert heat("fetch", STATISTICS, *ACCEPTED)[0] == 0
    whole = (folder / STATISTICS).read_bytes()
    (folder / STATISTICS).write_bytes(whole[:-100])
    report = json.loads(heat("list", "--json")[1])
    (row,) = (row for row in report["files"] if row["name"] == STATISTICS)
    assert row["state"] == "changed"
    assert heat("fetch", STATISTICS)[0] == 0
    assert (folder / STATISTICS).read_bytes() == whole


def test_list_says_what_goes_where_under_which_terms(heat: Heat, folder: Path) -> None:
    status, out, _ = heat("list")
    assert status == 0
    assert f"goes to {folder / 'Deep3D' / 'epoch_20.pth'}; licence: styleheat" in out
    assert "NVIDIA Source Code License-NC" in out
    report = json.loads(heat("list", "--json")[1])
    assert report["ready"] is False
    assert {"BFM", "hfgi.pth"} <= set(report["lacking"])


def test_json_progress_is_one_object_a_line(heat: Heat) -> None:
    status, out, _ = heat("fetch", STATISTICS, *ACCEPTED, "--json-progress")
    assert status == 0
    steps = [json.loads(line) for line in out.splitlines()]
    assert {step["what"] for step in steps[:-1]} == {
        f"fetching {STATISTICS}",
        f"checking {STATISTICS}",
    }
    assert steps[-1]["step"] == "done"
    assert steps[-1]["fetched"] == [STATISTICS]


def test_two_fetches_into_one_folder_do_not_mix(heat: Heat, folder: Path) -> None:
    from heat_backend.styleheat.weights.fetch import alone_in

    with alone_in(folder):
        status, _, err = heat("fetch", STATISTICS, *ACCEPTED)
    assert status == 3
    assert "another fetch is at work" in one_line(err)


def test_unknown_names_are_wrong_usage(heat: Heat) -> None:
    status, _, err = heat("fetch", "hfgi")
    assert status == 2
    assert "choose from: StyleHEAT_visual.pt" in one_line(err)
    status, _, err = heat("fetch", "hfgi.pth", "--accept-licence", "none")
    assert status == 2
    assert "styleheat" in one_line(err)
