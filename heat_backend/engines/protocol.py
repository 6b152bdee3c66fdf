# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine is: it prepares a portrait once and then renders frames of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bridge.coefficients import Coefficients
    from bridge.motion_clip import MotionClip
    from heat_backend.media.photo import Photo

Options = TypeVar("Options")

# What an engine makes of a photo, by the IPTC's vocabulary ``digitalsourcetype``.
COMPOSITE_SYNTHETIC = "compositeSynthetic"
"""Parts of a photo put together anew with synthetic ones."""
TRAINED_ALGORITHMIC = "trainedAlgorithmicMedia"
"""Drawn by a network that was trained on pictures."""

ProgressReport = Callable[[str, float], None]
CancelCheck = Callable[[], bool]


def never() -> bool:
    """Cancel nothing."""
    return False


FrameDrawer = Callable[[int, "NDArray[np.uint8] | None"], "NDArray[np.uint8]"]
"""Draws frame ``index`` of a clip into a buffer, or a new one for None; shaped as by ``render``."""


@dataclass(frozen=True)
class EngineSettings:
    """What a user may choose about preparing a portrait.

    Attributes
    ----------
    size : int or None
        Long side of the output in pixels; None keeps the photo's own.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    face : int or None
        Which face, counted from 1 by size; None takes the largest.
    detector : str
        Name of the landmark detector (a key of ``_DETECTORS`` in ``heat_backend.detect.detector``).
    neutralise : bool
        Relax the photo's own expression first.
    options : object or None
        The engine's own options, an instance of its description's dataclass; None takes their
        defaults.
    """

    size: int | None = None
    device: str = "auto"
    face: int | None = None
    detector: str = "mediapipe"
    neutralise: bool = False
    options: object | None = None

    def engine_options(self, kind: type[Options]) -> Options:
        """Return the engine's own options; their defaults where none of that kind are given."""
        return self.options if isinstance(self.options, kind) else kind()


class Portrait(Protocol):
    """A prepared portrait: everything per-photo is done, frames are cheap.

    :class:`BasePortrait` has all of it but ``render``.

    Attributes
    ----------
    width, height : int
        Size of the frames in pixels.
    wants_neighbours : bool
        Its frames depend on the motion around them; see ``render_within``.
    digital_source_type : str
        The term of the IPTC's vocabulary for what the engine makes.
    """

    width: int
    height: int
    wants_neighbours: bool
    digital_source_type: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the portrait by now."""
        ...

    @property
    def inversion_seconds(self) -> float | None:
        """What one inversion takes, None where the engine inverts nothing or it is not known."""
        ...

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame, shape (height, width, 4), RGBA8, alpha 255, C-contiguous.

        ``out``, if given, is written to and returned.
        """
        ...

    def render_within(
        self,
        coefficients: Coefficients,
        neighbours: Sequence[Coefficients],
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Render as ``render`` does, within the 27 poses from 13 frames before to 13 after."""
        ...

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws the frames of a whole clip.

        A frame that takes long asks ``cancelled`` meanwhile, and raises ``Cancelled``.
        """
        ...

    def check_edits(self, names: Iterable[str]) -> None:
        """Refuse edits that the portrait does not have.

        Raises
        ------
        bridge.errors.BadInput
            When there is one; the message names it.
        """
        ...

    def edit_cost(self, clip: MotionClip) -> str:
        """Return in a line what a clip's edits cost before its frames; empty for nothing."""
        ...


class BasePortrait:
    """The plain behaviour of a :class:`Portrait`: frame by frame, any edit, at no cost."""

    width: int
    height: int
    wants_neighbours = False
    inversion_seconds: float | None = None
    notes: tuple[str, ...] = ()
    digital_source_type = COMPOSITE_SYNTHETIC

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame; each engine has its own way."""
        raise NotImplementedError

    def render_within(
        self,
        coefficients: Coefficients,
        neighbours: Sequence[Coefficients],
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """Render the pose by itself."""
        return self.render(coefficients, out)

    def clip_drawer(self, clip: MotionClip, cancelled: CancelCheck = never) -> FrameDrawer:
        """Return what draws each frame by itself."""

        def draw(index: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
            return self.render(clip.frame(index), out)

        return draw

    def check_edits(self, names: Iterable[str]) -> None:
        """Refuse nothing."""

    def edit_cost(self, clip: MotionClip) -> str:
        """Return nothing."""
        return ""


def frame_drawer(
    portrait: Portrait, clip: MotionClip, cancelled: CancelCheck = never
) -> FrameDrawer:
    """Check a clip's edits, and return what draws its frames; see ``Portrait.clip_drawer``.

    Raises
    ------
    bridge.errors.BadInput
        When the portrait does not have one of them.
    """
    portrait.check_edits(clip.edit_names)
    return portrait.clip_drawer(clip, cancelled)


class Engine(Protocol):
    """Turns a photo into a :class:`Portrait`."""

    name: str
    version: str

    def prepare(
        self,
        photo: Photo,
        settings: EngineSettings,
        progress: ProgressReport,
        cancelled: CancelCheck,
    ) -> Portrait:
        """Do all per-portrait work.

        An engine that paints the portrait anew shows it so far, (H, W, 3) uint8, to
        ``progress.picture`` where the report has that; see :func:`progress_image_taker`.

        Raises
        ------
        bridge.errors.BadInput
            When no usable face is in the photo.
        bridge.errors.MissingHere
            When weights or a device are missing on this machine.
        bridge.errors.Cancelled
            When ``cancelled()`` became true.
        """
        ...


def progress_image_taker(progress: ProgressReport) -> Callable[[NDArray[np.uint8]], None] | None:
    """Return the callable that takes progress images, or None if the report has none."""
    taker: Callable[[NDArray[np.uint8]], None] | None = getattr(progress, "picture", None)
    return taker
