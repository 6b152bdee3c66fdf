# SPDX-License-Identifier: GPL-3.0-or-later
"""What a session says about what must be drawn again."""

import itertools

import pytest

pytest.importorskip("bpy")


class Live:
    """As much of a live preview as a session looks at."""

    state, error, progress = "live", None, ("", 0.0)
    frame = progress_image = None

    def take(self):
        frame, self.frame = self.frame, None
        return frame

    def take_progress_image(self):
        image, self.progress_image = self.progress_image, None
        return image


@pytest.fixture
def session(addon):
    from blender_addon.preview.sessions import Session

    return Session("portrait", Live())


def test_only_viewports_that_show_an_older_frame_are_behind(session):
    session.live.frame = object()
    session.take()
    session.drawn_in[11] = session.drawn_in[12] = session.frame_number
    session.live.frame = object()
    assert session.take_while_drawing()
    session.drawn_in[11] = session.frame_number
    assert session.take_drawn_early() and not session.take_drawn_early()
    assert session.is_behind(12)
    assert not session.is_behind(11)
    assert not session.is_behind(13), "a viewport without the overlay has nothing to catch up on"


def test_frames_alone_change_no_text_on_the_overlay(session):
    session.live.frame = object()
    session.take()
    session.overlay_text_changed()
    for _ in range(5):
        session.live.frame = object()
        session.take()
        assert not session.overlay_text_changed()
    session.trouble = "The mesh is gone"
    assert session.overlay_text_changed()
    assert session.overlay_text() == "The mesh is gone"


def test_figure_of_the_frame_rate_holds_still_for_half_a_second():
    from blender_addon.preview.sessions import FrameRate

    rate = FrameRate()
    shown = []
    for number in range(200):
        now = 100 + number / (20 if number < 100 else 50)
        rate.note(now)
        shown.append((now, rate.value(now)))
    changes = [now for (_, before), (now, value) in itertools.pairwise(shown) if value != before]
    assert all(later - earlier >= 0.49 for earlier, later in itertools.pairwise(changes))
    assert rate.value(200.0) == 0.0
