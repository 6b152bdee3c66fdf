# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG sequences: names, pixels, what they say about themselves, and folders already in use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bridge.errors import BadInput, Cancelled, MissingHere, UsageError
from heat_backend import __version__
from heat_backend.engines.protocol import EngineSettings
from heat_backend.export.png import encode_png, read_texts
from heat_backend.export.run import ExportResult
from heat_backend.export.shot import portrait_key
from heat_backend.media.photo import Photo
from tests.export.conftest import CountingPortrait, cancel_after, hidden, make_clip, picture

Run = Callable[..., ExportResult]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_frames_are_numbered_from_1_and_hold_the_rendered_pixels(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(7)
    out = tmp_path / "take 1"
    result = run_export(out, clip)
    assert names(out) == [f"frame_{n:06d}.png" for n in range(1, 8)]
    assert result.files == tuple(out / name for name in names(out))
    assert (result.rendered, result.skipped) == (7, 0)
    for index, path in enumerate(result.files):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            assert (np.asarray(image) == portrait.render(clip.frame(index))[..., :3]).all()
    assert hidden(tmp_path) == []


def test_a_range_keeps_the_clips_numbers(tmp_path: Path, run_export: Run) -> None:
    run_export(tmp_path / "out", make_clip(9), frames=range(3, 6))
    assert names(tmp_path / "out") == [f"frame_{n:06d}.png" for n in (4, 5, 6)]


def test_every_frame_says_that_it_is_synthetic_and_what_made_it(
    tmp_path: Path, run_export: Run
) -> None:
    result = run_export(tmp_path / "out", make_clip(1))
    with Image.open(result.files[0]) as image:
        texts = image.text  # type: ignore[attr-defined]
    assert "ynthetic" in texts["Comment"]
    assert "stand_in 1.0" in texts["Comment"]
    assert __version__ in texts["Software"]
    assert texts["Engine"] == "stand_in 1.0"


def test_missing_folders_are_made(tmp_path: Path, run_export: Run) -> None:
    run_export(tmp_path / "film" / "scène 2" / "take 写", make_clip(1))
    assert (tmp_path / "film" / "scène 2" / "take 写" / "frame_000001.png").exists()


def test_a_folder_with_other_files_keeps_them(tmp_path: Path, run_export: Run) -> None:
    out = tmp_path / "mixed"
    (out / "frame_000001").mkdir(parents=True)
    others = {"notes.txt": b"mine", "frame_1.png": b"mine too", ".hidden": b"x", "cover.png": b"y"}
    for name, content in others.items():
        (out / name).write_bytes(content)
    run_export(out, make_clip(3))
    run_export(out, make_clip(3), resume=True)
    assert all((out / name).read_bytes() == content for name, content in others.items())
    assert (out / "frame_000001").is_dir()
    assert len(list(out.glob("frame_00000?.png"))) == 3


def test_frames_of_another_shot_are_refused_and_untouched(tmp_path: Path, run_export: Run) -> None:
    out = tmp_path / "out"
    first = run_export(out, make_clip(3))
    before = [path.read_bytes() for path in first.files]
    for resume in (False, True):
        with pytest.raises(BadInput, match=r"another shot.*overwriting"):
            run_export(out, make_clip(5, step=0.02), resume=resume)
    assert [path.read_bytes() for path in first.files] == before
    assert names(tmp_path) == ["out"]


def test_a_frame_that_heat_did_not_write_is_refused(tmp_path: Path, run_export: Run) -> None:
    out = tmp_path / "out"
    out.mkdir()
    Image.new("RGB", (4, 4)).save(out / "frame_000002.png")
    with pytest.raises(BadInput, match="frame_000002"):
        run_export(out, make_clip(3))
    assert names(out) == ["frame_000002.png"]


def test_overwriting_when_asked_replaces_the_frames(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    out = tmp_path / "out"
    run_export(out, make_clip(3))
    clip = make_clip(3, step=0.2)
    run_export(out, clip, overwrite=True)
    with Image.open(out / "frame_000003.png") as image:
        assert (np.asarray(image) == portrait.render(clip.frame(2))[..., :3]).all()


def test_an_overwriting_export_that_was_stopped_resumes_without_asking_again(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    out = tmp_path / "out"
    run_export(out, make_clip(6))
    clip = make_clip(6, step=0.02)
    with pytest.raises(Cancelled):
        run_export(out, clip, overwrite=True, cancelled=cancel_after(portrait, 9))
    portrait.rendered.clear()
    result = run_export(out, clip, resume=True)
    assert result.rendered + result.skipped == 6
    assert result.skipped >= 3
    assert len(portrait.rendered) == result.rendered


def test_the_same_shot_again_renders_again(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    run_export(tmp_path / "out", make_clip(3))
    assert run_export(tmp_path / "out", make_clip(3)).rendered == 3


def test_cancel_then_resume_renders_each_frame_once(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(12)
    out = tmp_path / "out"
    with pytest.raises(Cancelled, match="resume"):
        run_export(out, clip, cancelled=cancel_after(portrait, 5))
    assert len(list(out.glob("*.png"))) == 5
    seen: list[tuple[int, int]] = []
    result = run_export(out, clip, resume=True, progress=lambda *step: seen.append(step))
    assert (result.rendered, result.skipped) == (7, 5)
    assert portrait.rendered == [round(0.01 * index, 4) for index in range(12)]
    assert seen[0] == (5, 12)
    assert seen[-1] == (12, 12)
    assert hidden(tmp_path) == []


def test_a_frame_cut_short_by_a_power_failure_is_rendered_again(
    tmp_path: Path, run_export: Run
) -> None:
    clip = make_clip(4)
    result = run_export(tmp_path / "out", clip)
    whole = result.files[1].read_bytes()
    result.files[1].write_bytes(whole[: len(whole) // 2])
    result.files[3].write_bytes(b"")
    with pytest.raises(BadInput, match="another shot"):
        run_export(tmp_path / "out", clip, resume=True)
    again = run_export(tmp_path / "out", clip, resume=True, overwrite=True)
    assert (again.rendered, again.skipped) == (2, 2)
    assert result.files[1].read_bytes() == whole


def test_resume_of_a_finished_shot_renders_nothing(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    clip = make_clip(3)
    run_export(tmp_path / "out", clip)
    portrait.rendered.clear()
    result = run_export(tmp_path / "out", clip, resume=True)
    assert (result.rendered, result.skipped) == (0, 3)
    assert portrait.rendered == []


def test_a_full_disk_keeps_the_finished_frames(
    tmp_path: Path, run_export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def fill(path: Path, data: bytes) -> int:
        if "frame_000004" in path.name:
            write(path, data[:100])
            raise OSError(28, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill)
    out = tmp_path / "out"
    with pytest.raises(MissingHere, match=r"full.*kept.*free some space"):
        run_export(out, make_clip(40))
    kept = names(out)
    assert {"frame_000001.png", "frame_000002.png", "frame_000003.png"} <= set(kept)
    assert "frame_000004.png" not in kept
    assert all(read_texts(out / name) for name in kept)
    assert not [path for folder in tmp_path.iterdir() for path in folder.glob("*.part")]
    monkeypatch.undo()
    result = run_export(out, make_clip(40), resume=True)
    assert result.skipped == len(kept)
    assert len(names(out)) == 40


def test_no_write_permission(
    tmp_path: Path, run_export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(BadInput, match=r"no permission to write.*another folder"):
        run_export(tmp_path / "out", make_clip(2))


def test_an_engine_that_fails_midway_keeps_what_was_finished(
    tmp_path: Path, run_export: Run
) -> None:
    class Failing(CountingPortrait):
        def render(self, coefficients, out=None):  # type: ignore[no-untyped-def]
            if len(self.rendered) == 4:
                raise MissingHere("the device is gone")
            return super().render(coefficients, out)

    with pytest.raises(MissingHere, match="device is gone"):
        run_export(tmp_path / "out", make_clip(9), portrait=Failing(Photo(picture(32, 32))))
    assert len(names(tmp_path / "out")) == 4


@pytest.mark.parametrize("frames", [range(0), range(2, 11), range(-1, 2), range(0, 6, 2)])
def test_ranges_outside_the_clip(tmp_path: Path, run_export: Run, frames: range) -> None:
    with pytest.raises(BadInput):
        run_export(tmp_path / "out", make_clip(10), frames=frames)
    assert names(tmp_path) == []


def test_values_out_of_range_are_clamped_with_one_note(
    tmp_path: Path, run_export: Run, portrait: CountingPortrait
) -> None:
    result = run_export(tmp_path / "out", make_clip(4, step=1.0))
    assert portrait.rendered == [0.0, 1.0, 1.5, 1.5]
    assert [note for note in result.notes if "clamped" in note] == [
        "expression values beyond -0.5..1.5 were clamped in 2 frames"
    ]


@pytest.mark.parametrize("name", ["take.mov", "take.png", "TAKE.MKV"])
def test_names_that_mean_neither_a_movie_nor_a_folder(
    tmp_path: Path, run_export: Run, name: str
) -> None:
    with pytest.raises(UsageError, match=r"\.mp4"):
        run_export(tmp_path / name, make_clip(1))


def test_a_file_where_the_folder_should_be(tmp_path: Path, run_export: Run) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(BadInput, match="is a file"):
        run_export(tmp_path / "out", make_clip(1))
    assert (tmp_path / "out").read_text() == "mine"


def test_two_exports_to_one_target_do_not_mix(tmp_path: Path, run_export: Run) -> None:
    out = tmp_path / "out"

    def second(done: int, total: int) -> None:
        if done == 2:
            with pytest.raises(BadInput, match="another export is writing"):
                run_export(out, make_clip(5))

    assert run_export(out, make_clip(5), progress=second).rendered == 5


def test_a_linked_folder_is_written_through_the_link(tmp_path: Path, run_export: Run) -> None:
    (tmp_path / "real").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege here")
    run_export(tmp_path / "link", make_clip(2))
    assert names(tmp_path / "real") == ["frame_000001.png", "frame_000002.png"]


def test_the_fingerprint_knows_portrait_settings_and_clip() -> None:
    photo = Photo(picture(20, 20))
    other = Photo(255 - picture(20, 20))
    base = portrait_key(photo, EngineSettings(size=512))
    assert base == portrait_key(photo, EngineSettings(size=512, device="cuda"))
    assert base != portrait_key(other, EngineSettings(size=512))
    assert base != portrait_key(photo, EngineSettings(size=256))
    assert base != portrait_key(photo, EngineSettings(size=512, neutralise=True))


def test_without_an_id_another_portrait_is_still_noticed(tmp_path: Path, run_export: Run) -> None:
    run_export(tmp_path / "out", make_clip(2), portrait_id=None)
    assert run_export(tmp_path / "out", make_clip(2), portrait_id=None, resume=True).skipped == 2
    other = CountingPortrait(Photo(255 - picture(96, 64)))
    with pytest.raises(BadInput, match="another shot"):
        run_export(tmp_path / "out", make_clip(2), portrait_id=None, portrait=other, resume=True)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 5, 4), (64, 1, 3), (1, 64, 4)])
def test_png_writer_gives_back_any_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, shape, np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(pixels, {"Key": "Wörd"}))
    with Image.open(path) as image:
        assert (np.asarray(image) == pixels[..., :3]).all()
    assert read_texts(path) == {"Key": "Wörd"}
