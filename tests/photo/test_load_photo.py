# SPDX-License-Identifier: GPL-3.0-or-later
"""Photos of every kind that users have, and files that are no photos."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from bridge.errors import BadInput
from heat_backend.media import photo as load_module
from heat_backend.media.photo import from_rgba, load_photo

pytestmark = pytest.mark.slow


def gradient(width: int = 60, height: int = 40) -> np.ndarray:
    """Red grows to the right, green downwards, blue stays."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    return pixels


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "ppm"])
def test_exact_formats_give_their_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(gradient()).save(path, **({"lossless": True} if suffix == "webp" else {}))
    photo = load_photo(path)
    assert photo.pixels.dtype == np.uint8
    assert difference(photo.pixels, gradient()) == 0
    assert photo.name == path.name
    assert photo.notes == ()


def test_spaces_and_letters_of_other_scripts_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Übung mit Zöe 写真"
    folder.mkdir()
    path = folder / "mein Porträt Ωmega.png"
    Image.fromarray(gradient()).save(path)
    assert difference(load_photo(path).pixels, gradient()) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_stands_the_photo_upright(tmp_path: Path, orientation: int) -> None:
    # How the stored picture must be laid so that the viewer turns it back.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](gradient())
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert difference(load_photo(path).pixels, gradient()) == 0


def test_damaged_exif_does_not_cost_the_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    Image.fromarray(gradient()).save(path, exif=b"Exif\x00\x00garbage that is no TIFF header")
    assert load_photo(path).pixels.shape == (40, 60, 3)


def test_sixteen_bit_colour_png(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    deep = gradient().astype(np.uint16) * 257
    assert cv2.imwrite(str(path), deep[..., ::-1])
    assert difference(load_photo(path).pixels, gradient()) <= 1


def test_sixteen_bit_grey_png_is_scaled_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    grey = (gradient()[..., 0].astype(np.uint16)) * 257
    assert cv2.imwrite(str(path), grey)
    expected = np.repeat(gradient()[..., :1], 3, axis=2)
    assert difference(load_photo(path).pixels, expected) <= 1


def test_sixteen_bit_with_alpha(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    deep = np.dstack([gradient()[..., ::-1], np.full((40, 60), 255, np.uint8)]).astype(np.uint16)
    assert cv2.imwrite(str(path), deep * 257)
    assert difference(load_photo(path).pixels, gradient()) <= 1


def test_transparent_parts_become_white_and_it_is_said(tmp_path: Path) -> None:
    rgba = np.dstack([gradient(), np.full((40, 60), 255, np.uint8)])
    rgba[:10, :, 3] = 0
    path = tmp_path / "cut out.png"
    Image.fromarray(rgba).save(path)
    photo = load_photo(path)
    assert (photo.pixels[:10] == 255).all()
    assert difference(photo.pixels[10:], gradient()[10:]) == 0
    assert any("transparent" in note for note in photo.notes)


def test_an_opaque_alpha_channel_is_nothing_to_speak_of(tmp_path: Path) -> None:
    path = tmp_path / "opaque.png"
    Image.fromarray(np.dstack([gradient(), np.full((40, 60), 255, np.uint8)])).save(path)
    photo = load_photo(path)
    assert difference(photo.pixels, gradient()) == 0
    assert photo.notes == ()


def test_greyscale_with_alpha_palette_and_black_and_white(tmp_path: Path) -> None:
    grey = Image.fromarray(gradient()[..., 0])
    pictures = {
        "la.png": Image.merge("LA", (grey, Image.new("L", grey.size, 255))),
        "l.png": grey,
        "p.png": grey.convert("P"),
        "p.gif": grey.convert("P"),
    }
    expected = np.repeat(gradient()[..., :1], 3, axis=2)
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
        assert difference(load_photo(tmp_path / name).pixels, expected) <= 1, name
    Image.new("1", (8, 8), 1).save(tmp_path / "bw.png")
    assert (load_photo(tmp_path / "bw.png").pixels == 255).all()


def test_palette_with_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([255, 0, 0, 0, 0, 255] + [0] * 750)
    picture.paste(0, (0, 0, 20, 10))
    picture.save(tmp_path / "p.png", transparency=0)
    photo = load_photo(tmp_path / "p.png")
    assert (photo.pixels[:10] == 255).all()
    assert (photo.pixels[10:] == (0, 0, 255)).all()


def test_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    flat = Image.new("RGB", (64, 64), (200, 120, 80))
    flat.convert("CMYK").save(path, quality=95)
    photo = load_photo(path)
    assert photo.pixels.shape == (64, 64, 3)
    assert difference(photo.pixels, np.asarray(flat)) <= 4


def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    # Linear light is far enough from sRGB that a missing conversion shows.
    profile = linear_rgb_profile()
    linear = np.full((16, 16, 3), 55, np.uint8)  # 55/255 linear is about 128/255 in sRGB
    path = tmp_path / "linear.png"
    Image.fromarray(linear).save(path, icc_profile=profile)
    assert abs(int(load_photo(path).pixels[8, 8, 1]) - 128) <= 3


def test_an_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "srgb.png"
    Image.fromarray(gradient()).save(path, icc_profile=profile)
    photo = load_photo(path)
    assert difference(photo.pixels, gradient()) == 0
    assert photo.notes == ()


@pytest.mark.parametrize("profile", [b"no profile at all", b"\x00" * 200])
def test_a_broken_profile_is_left_out(tmp_path: Path, profile: bytes) -> None:
    path = tmp_path / "broken.png"
    Image.fromarray(gradient()).save(path, icc_profile=profile)
    assert difference(load_photo(path).pixels, gradient()) == 0


def linear_rgb_profile() -> bytes:
    """A minimal ICC v2 matrix profile with sRGB primaries and a gamma of 1."""

    def s15(*values: float) -> bytes:
        return b"".join(round(v * 65536).to_bytes(4, "big", signed=True) for v in values)

    def xyz(*values: float) -> bytes:
        return b"XYZ \x00\x00\x00\x00" + s15(*values)

    text = b"Linear RGB\x00"
    tags = {
        b"desc": b"desc" + b"\x00" * 4 + len(text).to_bytes(4, "big") + text + b"\x00" * 79,
        b"cprt": b"text\x00\x00\x00\x00none\x00",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7141),
        b"rTRC": b"curv" + b"\x00" * 8,
        b"gTRC": b"curv" + b"\x00" * 8,
        b"bTRC": b"curv" + b"\x00" * 8,
    }
    table = io.BytesIO()
    body = io.BytesIO()
    start = 128 + 4 + 12 * len(tags)
    table.write(len(tags).to_bytes(4, "big"))
    for name, data in tags.items():
        table.write(name + (start + body.tell()).to_bytes(4, "big") + len(data).to_bytes(4, "big"))
        body.write(data + b"\x00" * (-len(data) % 4))
    content = table.getvalue() + body.getvalue()
    header = bytearray(128)
    header[0:4] = (128 + len(content)).to_bytes(4, "big")
    header[8:12] = b"\x02\x10\x00\x00"
    header[12:24] = b"mntrRGB XYZ "
    header[36:40] = b"acsp"
    header[68:80] = s15(0.9642, 1.0, 0.8249)
    return bytes(header) + content


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_huge_photo_is_reduced_and_it_is_said(tmp_path: Path, suffix: str) -> None:
    # 12,000 px on the long side; narrow, so that the test stays quick.
    path = tmp_path / f"huge.{suffix}"
    Image.fromarray(gradient(12000, 600)).save(path)
    photo = load_photo(path)
    assert photo.pixels.shape == (205, 4096, 3)
    assert any("12000 x 600" in note and "4096 x 205" in note for note in photo.notes)
    middle = photo.pixels[100, 2048].astype(int)
    assert np.abs(middle - (127, 125, 90)).max() <= 4


def test_a_12000_px_square_jpeg_stays_within_memory(tmp_path: Path) -> None:
    path = tmp_path / "square.jpg"
    Image.new("RGB", (12000, 12000), (180, 140, 120)).save(path, quality=60)
    script = (
        "import resource, sys\n"
        "from heat_backend.media.photo import load_photo\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(load_photo(sys.argv[1]).pixels.shape)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) / (2**20 if sys.platform == 'darwin' else 2**10))\n"
    )
    pytest.importorskip("resource", reason="no memory figures on this system")
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    shape, grown_mib = done.stdout.splitlines()
    assert shape == "(4096, 4096, 3)"
    assert float(grown_mib) < 432  # less than the whole picture as RGB would take


def test_transparency_of_a_huge_photo_is_filled_before_it_is_reduced(tmp_path: Path) -> None:
    rgba = np.zeros((40, 10000, 4), np.uint8)  # fully transparent black
    path = tmp_path / "clear.png"
    Image.fromarray(rgba).save(path)
    photo = load_photo(path)
    assert (photo.pixels == 255).all()


def test_max_side_reduces_further(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(gradient(600, 400)).save(path)
    assert load_photo(path, max_side=300).pixels.shape == (200, 300, 3)


def test_a_decompression_bomb_is_refused_before_it_goes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (30000, 30000)).save(path)
    with pytest.raises(BadInput, match="too large to open safely"):
        load_photo(path)
    monkeypatch.setattr(load_module, "MAX_PIXELS", 1000)
    Image.fromarray(gradient()).save(tmp_path / "small.jpg")
    with pytest.raises(BadInput, match="too large"):
        load_photo(tmp_path / "small.jpg")


def test_files_that_are_no_photo(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("this is not a picture")
    (tmp_path / "folder").mkdir()
    (tmp_path / "page.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, message in {
        "empty.jpg": "is empty",
        "text.jpg": "not a picture",
        "folder": "is a folder",
        "missing.jpg": "there is no file",
        "page.eps": "not a picture",
    }.items():
        with pytest.raises(BadInput, match=message) as caught:
            load_photo(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_truncated_files(tmp_path: Path, suffix: str, part: float) -> None:
    whole = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (80, 80, 3), np.uint8)
    Image.fromarray(noise).save(whole, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()))
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * part)])
    with pytest.raises(BadInput, match=r"damaged or incomplete|not a picture"):
        load_photo(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP"])
def test_garbled_files_are_refused_or_read_but_never_crash(tmp_path: Path, kind: str) -> None:
    whole = io.BytesIO()
    Image.fromarray(gradient()).save(whole, kind)
    rng = np.random.default_rng(7)
    for attempt in range(60):
        data = bytearray(whole.getvalue())
        for place in rng.integers(0, len(data), 6):
            data[place] = rng.integers(0, 256)
        path = tmp_path / f"garbled{attempt}"
        path.write_bytes(data)
        try:
            photo = load_photo(path)
        except BadInput as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert photo.pixels.ndim == 3


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work differently there")
def test_no_read_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "closed.png"
    Image.fromarray(gradient()).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything: let the system refuse by hand

        def refuse(*args: object, **kwargs: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="no permission to read"):
        load_photo(path)


def test_pixels_in_memory() -> None:
    rgba = np.dstack([gradient(), np.full((40, 60), 255, np.uint8)])
    assert difference(from_rgba(rgba, "from Blender").pixels, gradient()) == 0
    assert difference(from_rgba(gradient()).pixels, gradient()) == 0
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(BadInput, match="shape"):
            from_rgba(wrong)
    with pytest.raises(BadInput, match="uint8"):
        from_rgba(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]
