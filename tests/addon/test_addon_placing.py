# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new take goes among the strips that are there: the least destructive choice."""

from fractions import Fraction

import pytest

pytest.importorskip("bpy")

from blender_addon.core.takes import take
from blender_addon.core.takes.strip_placing import Span, place


def test_first_take_in_an_empty_sequencer():
    assert place([], -5, 10).channel == 1


def test_lies_above_what_shows_but_not_above_sound():
    spans = [Span(2, 0, 50), Span(4, 0, 50, visual=False), Span(7, 100, 120)]
    assert place(spans, 0, 20).channel == 3
    spans.append(Span(3, 10, 30, visual=False))
    assert place(spans, 0, 20).channel == 5


def test_same_length_take_is_refilled():
    spans = [Span(1, 0, 20, older=True), Span(2, 0, 20)]
    placing = place(spans, 0, 20)
    assert (placing.refill, placing.remove) == (0, ())


@pytest.mark.parametrize("change", ["same_kind", "untrimmed"])
def test_covered_take_is_replaced_on_its_channel(change):
    spans = [Span(3, 0, 20, older=True, **{change: False}), Span(1, 0, 20)]
    placing = place(spans, 0, 20)
    assert (placing.refill, placing.remove, placing.channel) == (None, (0,), 3)
    assert placing.look_of == 0


def test_take_of_a_part_lies_above_the_whole():
    spans = [Span(1, 0, 100, older=True)]
    placing = place(spans, 40, 60)
    assert (placing.refill, placing.remove, placing.channel) == (None, (), 2)


def test_take_that_an_effect_uses_is_kept():
    spans = [Span(1, 0, 20, older=True, in_use=True, same_kind=False)]
    placing = place(spans, 0, 20)
    assert (placing.remove, placing.channel) == ((), 2)


def test_pieces_that_were_cut_are_all_replaced_when_covered():
    spans = [Span(2, 0, 8, older=True), Span(2, 8, 20, older=True)]
    placing = place(spans, 0, 20)
    assert set(placing.remove) == {0, 1} and placing.channel == 2


def test_take_elsewhere_is_left_alone():
    placing = place([Span(1, 100, 120, older=True)], 0, 20)
    assert (placing.refill, placing.remove, placing.channel) == (None, (), 1)


def test_takes_never_share_a_name(tmp_path):
    first = take.next_take(tmp_path, 'a/b: "c"', movie=False)
    assert first.out.parent.parent == tmp_path
    first.out.mkdir(parents=True)
    (first.out.parent / "notes.txt").write_text("somebody's")
    second = take.next_take(tmp_path, 'a/b: "c"', movie=True)
    assert second.out.name == "take_002.mp4"
    second.record.write_text("{}")
    assert take.next_take(tmp_path, 'a/b: "c"', movie=False).out.name == "take_003"
    assert take.folder_name(" ..") == "portrait"


def test_record_survives_the_disk_and_refuses_damage(tmp_path):
    from blender_addon import bridge
    from blender_addon.core.takes import take

    record = take.TakeRecord(
        "u", "P", "take_001", "take_001.npz", -3, 8, (24000, 1001), "warp", {"size": 256}
    )
    path = tmp_path / "take_001.json"
    take.save_record(record, path)
    assert take.load_record(path) == record
    assert (record.rate, record.count) == (Fraction(24000, 1001), 12)
    for damage in ("", "{}", path.read_text().replace("take_001.npz", "../x.npz")):
        path.write_text(damage)
        with pytest.raises(bridge.errors.BadInput, match="render afresh"):
            take.load_record(path)
    path.unlink()
    with pytest.raises(bridge.errors.BadInput, match="gone"):
        take.load_record(path)
