# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of every kind, damaged at random: each is read, or refused by an error of Heat's own."""

import io

import pytest
from PIL import Image

from bridge.errors import BadInput
from heat_backend.media.photo import load_photo
from tools.endurance.file_fuzz import formats, fuzz

FILES = 150  # of each kind; the program itself takes as long as it is told


@pytest.mark.parametrize("name", sorted(formats()))
def test_no_damaged_file_surprises(name):
    assert fuzz(formats()[name], seconds=60.0, seed=11, most=FILES) == {}


def test_a_tiff_without_its_size_is_refused(tmp_path):
    """Found by damage: Pillow raises a TypeError."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "TIFF")
    data = bytearray(file.getvalue())
    at = min(at for kind in (3, 4) if (at := data.find(bytes((0, 1, kind, 0)))) >= 0)
    data[at + 4] = 2  # widths, where one is possible
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(BadInput, match="damaged"):
        load_photo(tmp_path / "a.tif")
