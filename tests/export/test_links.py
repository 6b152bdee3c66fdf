# SPDX-License-Identifier: GPL-3.0-or-later
"""Links and foreign files in an output folder: an export neither follows nor deletes them."""

import sys

import pytest

from bridge.errors import BadInput, Cancelled
from tests.export.conftest import make_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need an administrator there")


@pytest.fixture
def precious(tmp_path):
    """A folder elsewhere whose files must survive."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("holiday.jpg", "shot.json", "packets.h264", "movie.mp4"):
        (folder / name).write_text("precious")
    return folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["take", "take.mp4"])
def test_a_work_folder_that_is_a_link_is_refused(run_export, tmp_path, precious, name):
    before = contents(precious)
    (tmp_path / f".{name}.heat-part").symlink_to(precious)
    with pytest.raises(BadInput, match="is a link"):
        run_export(tmp_path / name, make_clip(2))
    assert contents(precious) == before


@pytest.mark.parametrize("name", ["take", "take.mp4"])
@pytest.mark.parametrize(
    "inside", ["shot.json", "shot.json.new", "lock", "packets.h264", "packets.index", "movie.mp4"]
)
def test_links_in_a_work_folder_lead_no_write_out(run_export, tmp_path, precious, name, inside):
    work = tmp_path / f".{name}.heat-part"
    work.mkdir()
    (work / inside).symlink_to(precious / "holiday.jpg")
    run_export(tmp_path / name, make_clip(2))
    assert (precious / "holiday.jpg").read_text() == "precious"
    assert (tmp_path / name).exists()


def test_foreign_files_in_a_work_folder_stay(run_export, tmp_path):
    work = tmp_path / ".take.heat-part"
    (work / "notes").mkdir(parents=True)
    (work / "notes" / "a.txt").write_text("mine")
    (work / "b.txt").write_text("mine")
    run_export(tmp_path / "take", make_clip(2))
    assert (work / "notes" / "a.txt").read_text() == (work / "b.txt").read_text() == "mine"


def test_a_frame_that_is_a_link_is_replaced_itself(run_export, tmp_path, precious):
    (tmp_path / "take").mkdir()
    (tmp_path / "take" / "frame_000001.png").symlink_to(precious / "holiday.jpg")
    run_export(tmp_path / "take", make_clip(1), overwrite=True)
    assert (precious / "holiday.jpg").read_text() == "precious"
    assert not (tmp_path / "take" / "frame_000001.png").is_symlink()


def test_links_are_followed_only_where_the_user_gave_them(run_export, tmp_path, precious):
    (tmp_path / "take.mp4").symlink_to(precious / "new.mp4")
    with pytest.raises(BadInput, match="is a link"):
        run_export(tmp_path / "take.mp4", make_clip(2), follow_links=False)
    assert not (precious / "new.mp4").exists()
    run_export(tmp_path / "take.mp4", make_clip(2))
    assert (precious / "new.mp4").exists()


def test_the_side_files_of_an_unfinished_export_are_the_users_alone(run_export, tmp_path):
    with pytest.raises(Cancelled):
        run_export(tmp_path / "take.mp4", make_clip(3), cancelled=lambda: True)
    assert (tmp_path / ".take.mp4.heat-part").stat().st_mode & 0o077 == 0
