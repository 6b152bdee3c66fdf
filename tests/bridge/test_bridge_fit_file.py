# SPDX-License-Identifier: GPL-3.0-or-later
"""The heat-fit file: written whole or not at all, and faults named in reading."""

import numpy as np
import pytest

from bridge import fit_file
from bridge.errors import BadInput


def fields():
    made = dict.fromkeys(fit_file.FIELDS, np.zeros(1, np.float32))
    return made | {"light_direction": np.array([0.0, 0.6, 0.8], np.float32)}


def test_the_light_comes_back_and_the_bytes_stay_the_same(tmp_path):
    path = tmp_path / "fit.npz"
    path.write_bytes(fit_file.to_bytes(fields()))
    assert path.read_bytes() == fit_file.to_bytes(fields())
    assert np.allclose(fit_file.read_light(path), (0.0, 0.6, 0.8))


def test_a_missing_field_is_refused():
    lacking = fields()
    del lacking["uv"]
    with pytest.raises(ValueError, match="uv"):
        fit_file.to_bytes(lacking)


def test_a_file_that_is_no_fit_is_named(tmp_path):
    path = tmp_path / "other.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"other\.npz"):
        fit_file.read_light(path)
    path.write_bytes(fit_file.to_bytes(fields()))
    with pytest.raises(BadInput, match="shape"):
        fit_file.read_head(path)
