# SPDX-License-Identifier: GPL-3.0-or-later
"""Open previews: their frames, frame rate, comparison without edits, and the state to show.

A session belongs to Blender's main thread; the waiting is done in the thread of its `LivePreview`.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .. import bridge

if TYPE_CHECKING:
    # Not at run time: it imports numpy, which a start of Blender does not wait for.
    Neighbours = tuple[bridge.coefficients.Coefficients, ...] | None

_RATE_SECONDS = 0.5  # for which the frame rate shown stays the same, so that it can be read


class FrameRate:
    """Frames a second over the last second, renewed twice a second."""

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=120)
        self._value = 0.0
        self._next = 0.0

    def note(self, now: float) -> None:
        """Count a frame that arrived."""
        self._arrivals.append(now)

    def value(self, now: float) -> float:
        """Return frames a second; 0 while nothing has moved for a second."""
        if now >= self._next:
            self._value, self._next = self._over_the_last_second(now), now + _RATE_SECONDS
        return self._value

    def _over_the_last_second(self, now: float) -> float:
        recent = [t for t in self._arrivals if now - t < 1.0]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-3)


class Session:
    """One live preview: what was sent, the newest frame, and what is shown of it.

    Parameters
    ----------
    uid : str
        The portrait's identifier.
    live : LivePreview
        Its connection, in a thread of its own.
    """

    def __init__(self, uid: str, live: bridge.preview.LivePreview) -> None:
        self.uid = uid
        self.live = live
        self.frame: bridge.frames.Frame | None = None
        self.progress_image: bridge.frames.Frame | None = None
        """The portrait so far, while an engine paints it anew; gone with the next frame."""
        self.frame_number = 0
        """Counts the pictures shown, frames and progress images."""
        self.converter: Any = None
        """Makes image pixels of frames, once the preview is shown as an image."""
        self.image_number = 0
        self.drawn_in: dict[int, int] = {}
        """Number of the frame that each viewport region, given by its pointer, shows."""
        self._drawn_early = False
        self.trouble: str | None = None
        """Why the rig could not be sampled, in a line; None if it could."""
        self.rate = FrameRate()
        self.sent: bridge.coefficients.Coefficients | None = None
        self._sent_neighbours: Neighbours = None
        self._wanted_neighbours = False
        self._status_line = ""
        self._overlay_text = ""

    def wants_neighbours(self) -> bool:
        """Return whether the portrait's frames depend on the motion around them."""
        info = self.live.info
        return info is not None and info.wants_neighbours

    def began_to_want_neighbours(self) -> bool:
        """Return whether `wants_neighbours` became true since the last call."""
        wanted, before = self.wants_neighbours(), self._wanted_neighbours
        self._wanted_neighbours = wanted
        return wanted and not before

    def send(
        self, coefficients: bridge.coefficients.Coefficients, neighbours: Neighbours = None
    ) -> None:
        """Send a pose, and the motion around it if it counts, unless both were sent last."""
        if (
            self.sent is not None
            and same(self.sent, coefficients)
            and same_neighbours(self._sent_neighbours, neighbours)
        ):
            return
        try:
            self.live.send(coefficients, neighbours)
        except bridge.errors.BadInput as error:
            self.trouble = str(error)
            return
        self.sent, self._sent_neighbours = coefficients, neighbours
        self.trouble = None

    @property
    def shown(self) -> bridge.frames.Frame | None:
        """What the overlay shows: the portrait so far, else the newest frame."""
        return self.progress_image or self.frame

    def take(self) -> bool:
        """Take the newest frame, or the portrait so far; return whether there was a new one."""
        frame = self.live.take()
        if frame is None:
            return self._take_progress_image()
        self.frame, self.progress_image = frame, None
        self.frame_number += 1
        self.rate.note(time.monotonic())
        return True

    def _take_progress_image(self) -> bool:
        pixels = self.live.take_progress_image()
        if pixels is None:
            return False
        height, width = pixels.shape[:2]
        self.progress_image = bridge.frames.Frame(pixels, width, height, 0)
        self.frame_number += 1
        return True

    def take_while_drawing(self) -> bool:
        """Take the newest frame in a viewport's drawing; other viewports may then be behind."""
        taken = self.take()
        self._drawn_early |= taken
        return taken

    def take_drawn_early(self) -> bool:
        """Return whether a frame was taken in a viewport's drawing, and forget it."""
        taken, self._drawn_early = self._drawn_early, False
        return taken

    def is_behind(self, region: int) -> bool:
        """Return whether a viewport region shows the overlay with an older frame."""
        return self.drawn_in.get(region, self.frame_number) != self.frame_number

    def status(self) -> tuple[str, str]:
        """Return the state in a line, and its icon."""
        live = self.live
        if live.state == "live":
            if self.trouble or live.error:
                return (self.trouble or str(live.error), "ERROR")
            rate = self.rate.value(time.monotonic())
            return (f"Live, {rate:.0f} frames a second" if rate else "Live", "RADIOBUT_ON")
        if live.state == "preparing":
            text, fraction = live.progress
            return (f"Preparing, {fraction:.0%}" + (f": {text}" if text else ""), "SORTTIME")
        if live.state == "connecting":
            return ("Starting the backend", "SORTTIME")
        if live.state == "lost":
            return ("The backend was lost; reconnecting", "SORTTIME")
        if live.state == "failed":
            return (str(live.error), "ERROR")
        return ("Stopped", "RADIOBUT_OFF")

    def status_changed(self) -> bool:
        """Return whether the line of `status` differs from that of the last call."""
        line = self.status()[0]
        changed, self._status_line = line != self._status_line, line
        return changed

    def overlay_text(self) -> str:
        """Return what stands on the overlay; empty while it simply shows the newest frame."""
        if self.frame is None or self.live.state != "live" or self.trouble:
            return self.status()[0]
        return "Before the edits" if shows_before(self.uid) else ""

    def overlay_text_changed(self) -> bool:
        """Return whether `overlay_text` differs from that of the last call."""
        text = self.overlay_text()
        changed, self._overlay_text = text != self._overlay_text, text
        return changed

    def stop(self) -> None:
        """End the preview without waiting."""
        self.live.stop()
        self.frame = self.progress_image = None


def same(one: bridge.coefficients.Coefficients, other: bridge.coefficients.Coefficients) -> bool:
    """Return whether two poses are equal to the last bit."""
    return bool(
        (one.expression == other.expression).all()
        and (one.rotation == other.rotation).all()
        and (one.translation == other.translation).all()
        and dict(one.edits) == dict(other.edits)
    )


def same_neighbours(one: Neighbours, other: Neighbours) -> bool:
    """Return whether the motion around two poses is equal to the last bit."""
    if one is None or other is None:
        return one is other
    return all(map(same, one, other))


by_uid: dict[str, Session] = {}


def session_of(uid: str) -> Session | None:
    """Return a portrait's session, None when its preview is not running."""
    return by_uid.get(uid)


def sessions() -> tuple[Session, ...]:
    """Return all sessions."""
    return tuple(by_uid.values())


# Portraits whose previews leave their edits out: neither saved nor undone, and not for exports.
_before: set[str] = set()


def shows_before(uid: str) -> bool:
    """Return whether a portrait's preview leaves its edits out."""
    return uid in _before


def show_before(uid: str, before: bool) -> None:
    """Set whether a portrait's preview leaves its edits out."""
    (_before.add if before else _before.discard)(uid)


def show_all_edits() -> None:
    """Show all portraits with their edits again."""
    _before.clear()
