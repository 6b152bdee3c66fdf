# SPDX-License-Identifier: GPL-3.0-or-later
"""Every picture and movie says that it is synthetic, in text and as the IPTC's source type."""

import ast
import io
import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bridge.errors import UsageError
from heat_backend.export.provenance import Provenance, picture_bytes
from tests.export.conftest import make_clip, picture

ROOT = Path(__file__).resolve().parents[2]
MADE = Provenance("one photo edited", 'warp 1.0 "<&>"')
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"


def source_type(packet: bytes) -> str:
    """Read the term out of an XMP packet as a reader of the standard does."""
    root = ElementTree.fromstring(packet.decode().strip("\ufeff\0"))
    (description,) = root.iter(f"{RDF}Description")
    return description.attrib[SOURCE_TYPE].rsplit("/", 1)[1]


def movie_packet(path: Path) -> bytes:
    """Walk the boxes of an MP4 to its XMP."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"uuid" and data[at + 8 : at + 24].hex() == "be7acfcb97a942e89c71999491e3afac":
            return data[at + 24 : at + size]
        at += size
    raise AssertionError("no XMP in the movie")


def test_a_png_says_what_it_is():
    pixels = picture(40, 30)
    with Image.open(io.BytesIO(picture_bytes(pixels, MADE, ".png"))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.info["Synthetic"] == "true"
        assert image.info["Comment"].startswith("Synthetic media: one photo edited by Heat")
        assert source_type(image.info["XML:com.adobe.xmp"].encode()) == "compositeSynthetic"


def test_a_jpeg_says_what_it_is():
    with Image.open(io.BytesIO(picture_bytes(picture(40, 30), MADE, ".JPG"))) as image:
        assert image.info["comment"].decode().startswith("Synthetic media: one photo edited")
        assert source_type(image.info["xmp"]) == "compositeSynthetic"


def test_no_other_kind_of_picture_is_written():
    with pytest.raises(UsageError, match=r"\.png or \.jpg"):
        picture_bytes(picture(4, 4), MADE, ".gif")


def test_an_exported_movie_says_what_it_is_and_still_plays(run_export, tmp_path):
    run_export(tmp_path / "take.mp4", make_clip(3))
    assert source_type(movie_packet(tmp_path / "take.mp4")) == "compositeSynthetic"
    with av.open(str(tmp_path / "take.mp4")) as movie:
        assert movie.metadata["comment"].startswith("Synthetic media: one photo animated")
        assert len(list(movie.decode(video=0))) == 3


def test_exported_frames_say_what_they_are(run_export, tmp_path, portrait):
    portrait.digital_source_type = "trainedAlgorithmicMedia"
    run_export(tmp_path / "take", make_clip(1))
    with Image.open(tmp_path / "take" / "frame_000001.png") as image:
        assert source_type(image.info["XML:com.adobe.xmp"].encode()) == "trainedAlgorithmicMedia"


def test_nothing_else_in_the_product_writes_pictures():
    """Who writes one by hand forgets what it must say: all go through one module."""
    writers = {"imwrite", "imencode", "encode_png"}
    found = set()
    for path in [*(ROOT / "heat_backend").rglob("*.py"), *(ROOT / "demo").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                by_pillow = name == "save" and "Image" in ast.unparse(node.func)
                if name in writers or by_pillow:
                    found.add(path.relative_to(ROOT).as_posix())
    own = {"heat_backend/export/provenance.py", "heat_backend/export/sequence.py"}
    photographs = {"demo/__main__.py"}  # the public-domain portrait itself
    assert found == own | photographs
