# SPDX-License-Identifier: GPL-3.0-or-later
"""A prepared StyleHEAT portrait: 52 expression weights and pose to 73-vectors, to frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bridge import edit_cost
from bridge.coefficients import Coefficients
from bridge.edit_cost import EditKeys
from bridge.edits import check_names
from bridge.errors import BadInput
from bridge.motion_clip import MotionClip
from heat_backend.engines.protocol import (
    TRAINED_ALGORITHMIC,
    BasePortrait,
    CancelCheck,
    FrameDrawer,
    never,
)
from heat_backend.styleheat.bfm.expression_map import ExpressionMap
from heat_backend.styleheat.bfm.head_pose import HeadMotion
from heat_backend.styleheat.crops.paste_back import PasteBack
from heat_backend.styleheat.driving import paper_motion
from heat_backend.styleheat.driving.paper_motion import (
    WINDOW_RADIUS,
    constant_window,
    motion_window,
)
from heat_backend.styleheat.editing.frame_edits import NOTHING, FrameEdits

Bytes = NDArray[np.uint8]
Vectors = NDArray[np.float32]

OWNER = "the engine styleheat"
WINDOW_CHUNK = 1024  # frames whose windows are in memory at a time: 8 MB


class Driver(Protocol):
    """The networks with one inverted portrait in them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines for the user about fallbacks in use."""
        ...

    def descriptors(self, windows: Vectors) -> Vectors:
        """Map motion windows (T, 73, 27) to descriptors (T, 256)."""
        ...

    def picture(self, descriptor: Vectors, frame_edits: FrameEdits = NOTHING) -> Bytes:
        """Draw the crop (1024, 1024, 3) under one descriptor (256,) and some edits."""
        ...

    def prefetch(self, descriptor: Vectors, frame_edits: FrameEdits = NOTHING) -> None:
        """Start the frame that will probably be drawn next, where the device computes meanwhile."""
        ...


@dataclass(frozen=True)
class CoefficientMapper:
    """Maps Heat's coefficients to StyleHEAT's 73-vector, for one portrait.

    Attributes
    ----------
    motion : HeadMotion
        Holds the photo's own 73-vector.
    expressions : ExpressionMap
    """

    motion: HeadMotion
    expressions: ExpressionMap

    def vector(self, coefficients: Coefficients) -> Vectors:
        """Return the 73-vector of one frame; exactly the photo's own where all are zero."""
        out = self.motion.moved(coefficients.rotation, coefficients.translation)
        expression = np.asarray(coefficients.expression, np.float32)
        if expression.any():
            out[paper_motion.EXPRESSION] += self.expressions(expression)
        return out

    def vectors(self, clip: MotionClip) -> Vectors:
        """Return the 73-vectors (T, 73) of a whole clip."""
        return np.stack([self.vector(clip.frame(index)) for index in range(len(clip))])


@dataclass(frozen=True)
class Editing:
    """How a portrait may be edited.

    Attributes
    ----------
    attributes : tuple of str
        Its latent edits; those of the photo itself are in :mod:`bridge.edits`.
    keep_identity : bool
        Attributes are refined against the photo.
    seconds : float or None
        Seconds of one inversion, None where unknown.
    paste : callable or None
        Where the crop goes back to under the edits of a frame; None where edits change nothing
        there.
    set_cancel_check : callable
        Takes the function that cancels an inversion in progress.
    notes : callable
        Lines for the user about edits that were limited or left out.
    """

    attributes: tuple[str, ...] = ()
    keep_identity: bool = False
    seconds: float | None = None
    paste: Callable[[FrameEdits], PasteBack] | None = None
    set_cancel_check: Callable[[CancelCheck], None] = lambda cancelled: None
    notes: Callable[[], tuple[str, ...]] = tuple


class StyleHeatPortrait(BasePortrait):
    """A prepared portrait; see :class:`heat_backend.engines.protocol.Portrait`."""

    wants_neighbours = True
    digital_source_type = TRAINED_ALGORITHMIC

    def __init__(
        self,
        driver: Driver,
        mapper: CoefficientMapper,
        paste: PasteBack,
        notes: tuple[str, ...],
        editing: Editing | None = None,
    ) -> None:
        self.height, self.width = paste.photo.shape[:2]
        self._notes = notes
        self._driver = driver
        self._mapper = mapper
        self._paste = paste
        self._editing = editing or Editing()

    @property
    def notes(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a user should know of the portrait, and of how it is computed by now."""
        return self._notes + self._editing.notes() + self._driver.notes

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the latent edits."""
        return self._editing.attributes

    @property
    def inversion_seconds(self) -> float | None:  # type: ignore[override]
        """Seconds of one inversion here, None where unknown."""
        return self._editing.seconds

    def check_edits(self, names: Iterable[str]) -> None:
        """Check the names of edits.

        Raises
        ------
        BadInput
            When one is unknown; it names the nearest.
        """
        check_names(names, self._editing.attributes, OWNER)

    def edit_cost(self, clip: MotionClip) -> str:
        """Describe in a line what a clip's edits cost before frames are drawn; empty for none."""
        return edit_cost.summary(self._keys(clip), self._editing.seconds)

    def _keys(self, clip: MotionClip) -> EditKeys:
        values = clip.edits if clip.edits is not None else np.zeros((len(clip), 0), np.float32)
        return edit_cost.edit_keys(values, clip.edit_names, self._editing.keep_identity)

    def _held(self, coefficients: Coefficients) -> FrameEdits:
        return FrameEdits.held(coefficients.edits, self._editing.keep_identity)

    def render(self, coefficients: Coefficients, out: Bytes | None = None) -> Bytes:
        """Render one frame, shape (height, width, 4); the pose counts as held."""
        window = constant_window(self._mapper.vector(coefficients))
        descriptor = self._driver.descriptors(window[None])[0]
        return self._draw(descriptor, self._held(coefficients), out)

    def render_within(
        self,
        coefficients: Coefficients,
        neighbours: Sequence[Coefficients],
        out: Bytes | None = None,
    ) -> Bytes:
        """Render one frame within the 27 poses around it, of which it is the middle one."""
        neighbour_vectors = np.stack([self._mapper.vector(one) for one in neighbours])  # (27,73)
        neighbour_vectors[WINDOW_RADIUS] = self._mapper.vector(coefficients)
        descriptor = self._driver.descriptors(
            motion_window(neighbour_vectors, WINDOW_RADIUS)[None]
        )[0]
        return self._draw(descriptor, self._held(coefficients), out)

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws frames of a clip, each within the motion around it.

        The edited photo is inverted when a frame first needs it, until ``cancelled()`` is true.
        """
        descriptors = self._descriptors(self._mapper.vectors(clip))
        keys = self._keys(clip)

        def frame_edits(index: int) -> FrameEdits:
            return FrameEdits.between(keys, index, clip.frame(index).edits)

        return self._drawer(descriptors, frame_edits, cancelled)

    def vector_drawer(self, vectors: Vectors) -> FrameDrawer:
        """Return what draws the frames of a motion in the paper's own values (T, 73).

        Raises
        ------
        BadInput
            When a vector holds no number.
        """
        return self._drawer(self._descriptors(vectors), lambda _: NOTHING, never)

    def _drawer(
        self,
        descriptors: Vectors,
        frame_edits: Callable[[int], FrameEdits],
        cancelled: CancelCheck,
    ) -> FrameDrawer:
        """Return what draws frames; the next is prefetched while one is pasted and encoded."""

        def draw(index: int, out: Bytes | None = None) -> Bytes:
            self._editing.set_cancel_check(cancelled)
            try:
                crop = self._driver.picture(descriptors[index], frame_edits(index))
                if index + 1 < len(descriptors):
                    self._driver.prefetch(descriptors[index + 1], frame_edits(index + 1))
                return self._paste_frame(crop, frame_edits(index), out)
            finally:
                self._editing.set_cancel_check(never)

        return draw

    def _draw(self, descriptor: Vectors, frame_edits: FrameEdits, out: Bytes | None) -> Bytes:
        return self._paste_frame(self._driver.picture(descriptor, frame_edits), frame_edits, out)

    def _descriptors(self, vectors: Vectors) -> Vectors:
        """Describe the motion around each frame of (T, 73): (T, 256)."""
        wrong = ~np.isfinite(vectors).all(axis=1)
        if wrong.any():
            raise BadInput(f"frame {int(wrong.argmax()) + 1} of the motion holds no numbers")
        parts = []
        for first in range(0, len(vectors), WINDOW_CHUNK):
            frames = range(first, min(first + WINDOW_CHUNK, len(vectors)))
            windows = np.stack([motion_window(vectors, frame) for frame in frames])
            parts.append(self._driver.descriptors(windows))
        return np.concatenate(parts)

    def _paste_frame(self, crop: Bytes, frame_edits: FrameEdits, out: Bytes | None) -> Bytes:
        if out is None:
            out = np.empty((self.height, self.width, 4), np.uint8)
        paste_for = self._editing.paste
        paste = self._paste if paste_for is None else paste_for(frame_edits)
        return paste.paste(crop, out)
