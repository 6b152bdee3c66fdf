# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's output; its numbers are for people and are not judged here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from heat_backend.bench import memory_section
from heat_backend.bench.rows import Row
from heat_backend.engines.protocol import BasePortrait
from heat_backend.styleheat import bench_subject
from tests.cli.conftest import Answer

pytestmark = pytest.mark.slow

Heat = Callable[..., Answer]

pytest.importorskip("skimage", reason="scikit-image brings the astronaut portrait")


@pytest.mark.parametrize("section", ["engine", "export"])
def test_rows_as_json(heat: Heat, monkeypatch: pytest.MonkeyPatch, section: str) -> None:
    monkeypatch.setattr("heat_backend.bench.engine_section._FRAMES", 4)
    monkeypatch.setattr("heat_backend.bench.export_section._FRAMES", 4)
    answer = heat("bench", "--json", "--engine", "stand_in", "--only", section)
    assert answer.status == 0, answer.err
    report = json.loads(answer.out)
    assert report["machine"]["cores"] >= 1
    rows = report["rows"]
    for row in rows:
        assert {"what", "median", "unit", "target", "met"} <= set(row)
        assert row["median"] > 0
        assert (row["met"] is None) == (row["target"] is None)
    if section == "engine":
        by_name = {row["what"]: row["median"] for row in rows}
        for size in ("512 x 512", "1024 x 1024"):
            frame, remap = by_name[f"frame, {size}"], by_name[f"cv2.remap, bilinear, RGBA8, {size}"]
            assert by_name[f"frame in cv2.remaps, {size}"] == pytest.approx(frame / remap)


def test_memory_of_the_paper_s_networks_over_as_many_frames_as_asked(
    heat: Heat, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []

    class Drawing(BasePortrait):
        width = height = 8

        def render(self, coefficients: object, out: object) -> object:
            drawn.append(coefficients)
            return out

    if memory_section.resident_mib() is None:
        pytest.skip("this system does not tell resident memory")
    monkeypatch.setattr(bench_subject, "driven_portrait", lambda device, half: Drawing())
    words = ("--engine", "styleheat", "--device", "cpu", "--only", "memory", "--frames", 12)
    answer = heat("bench", "--json", *words)
    assert answer.status == 0, answer.err
    resident, growth = json.loads(answer.out)["rows"]
    assert "styleheat session" in resident["what"] and resident["target"] == 4096
    assert "12 frames" in growth["what"] and growth["met"] is not None
    assert len(drawn) == 16
    assert heat("bench", "--frames", 0).status == 2


def test_a_table_for_people(heat: Heat, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row("slow thing", 12.0, "ms", 10.0), Row("rate", 70.0, "%", 60.0, at_most=False)]
    monkeypatch.setattr("heat_backend.bench.collect.collect", lambda *arguments: rows)
    lines = heat("bench").out.splitlines()
    assert lines[1].split() == ["slow", "thing", "12.00", "ms", "<=", "10", "NO"]
    assert lines[2].split() == ["rate", "70.00", "%", ">=", "60", "yes"]
