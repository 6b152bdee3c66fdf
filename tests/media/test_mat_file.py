# SPDX-License-Identifier: GPL-3.0-or-later
"""MATLAB files are read as scipy reads them, and damaged ones end nothing."""

import random
import tracemalloc

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from heat_backend.media.mat_file import read_mat
from tools.endurance.file_fuzz import mutated

MOST = 1 << 24


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    found = {
        kind: (100 * rng.normal(size=(3, 4))).astype(kind)
        for kind in ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
    }
    return found | {"cube": rng.normal(size=(2, 3, 4)), "one": np.array([[7.0]]),
                    "none": np.zeros((0, 3)), "a_long_name": np.arange(5.0)[None]}  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
def test_every_type_is_read_as_scipy_reads_it(tmp_path, arrays, compressed):
    path = tmp_path / "a.mat"
    others = {"text": "hello", "record": {"a": 1.0}, "wave": np.array([[1j]]), "cells": [[1, "a"]]}
    savemat(path, {**arrays, **others}, do_compression=compressed)
    expected, found = loadmat(path), read_mat(path, MOST)
    assert set(found) == set(arrays) | ({"cells"} & set(found))
    for name in arrays:
        assert found[name].dtype == expected[name].dtype
        np.testing.assert_array_equal(found[name], expected[name])
    assert set(read_mat(path, MOST, ("f4", "gone"))) == {"f4"}


def test_what_unpacks_to_much_is_refused_at_once(tmp_path):
    path = tmp_path / "bomb.mat"
    savemat(path, {"coeff": np.zeros((4000, 2000))}, do_compression=True)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="larger than"):
            read_mat(path, 1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_other_files_are_refused_in_a_line(tmp_path):
    for content in (b"", b"MATLAB", bytes(200), b"\x89HDF\r\n\x1a\n" + bytes(500)):
        path = tmp_path / "x.mat"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="-v7"):
            read_mat(path, MOST)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_end_nothing(tmp_path, arrays, compressed):
    """The general reader ended the process with a bus error on one in some hundred of these."""
    path, chance = tmp_path / "a.mat", random.Random(3)
    savemat(path, arrays, do_compression=compressed)
    whole = path.read_bytes()
    for _ in range(1500):
        path.write_bytes(mutated(whole, chance))
        try:
            read_mat(path, MOST)
        except ValueError:
            continue
