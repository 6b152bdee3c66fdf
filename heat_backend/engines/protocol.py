# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine is: it prepares a portrait once and then renders frames of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from heat_backend.media.photo import Photo

if TYPE_CHECKING:
    from bridge.coefficients import Coefficients
    from bridge.motion_clip import MotionClip

ProgressReport = Callable[[str, float], None]
CancelCheck = Callable[[], bool]


def never() -> bool:
    """Cancel nothing."""
    return False


FrameDrawer = Callable[[int, "NDArray[np.uint8] | None"], "NDArray[np.uint8]"]
"""Draws frame ``index`` of a clip into a buffer, or a new one for None; shaped as by ``render``."""

RenderWithin = Callable[
    ["Coefficients", "Sequence[Coefficients]", "NDArray[np.uint8] | None"], "NDArray[np.uint8]"
]
"""Renders a pose within the 27 poses of the frames around it; shaped as by ``render``."""


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
        Name of the landmark detector (a module of ``heat_backend.detect``).
    neutralise : bool
        Relax the photo's own expression first.
    inversion : str
        How an engine that paints the portrait anew finds it: ``"encode"``, ``"optimize"`` (minutes,
        more alike) or ``"coarse"`` (a fast look). Others do not look at it.
    keep_identity : bool
        Such an engine brings attribute edits back to the photo wherever they are not about.
    """

    size: int | None = None
    device: str = "auto"
    face: int | None = None
    detector: str = "mediapipe"
    neutralise: bool = False
    inversion: str = "encode"
    keep_identity: bool = False


class Portrait(Protocol):
    """A prepared portrait: everything per-photo is done, frames are cheap.

    One whose frames depend on the motion around them also has ``clip_drawer(clip, cancelled)``,
    which returns a :data:`FrameDrawer`; see :func:`frame_drawer`. For its previews it may have
    ``render_within(coefficients, neighbours, out)``, a :data:`RenderWithin`, which does as
    ``render`` but within the 27 poses of the frames from 13 before to 13 after. One with edits of
    its own also has ``check_edits(names)``, which refuses others; one whose edits take long,
    ``edit_cost(clip)``, which tells so in a line, and ``inversion_seconds``.
    """

    width: int
    height: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of the portrait by now."""
        ...

    def render(
        self, coefficients: Coefficients, out: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """Render one frame, shape (height, width, 4), RGBA8, alpha 255, C-contiguous.

        ``out``, if given, is written to and returned.
        """
        ...


def cost_of_edits(portrait: Portrait, clip: MotionClip) -> str:
    """Tell in a line what a clip's edits cost before its frames are drawn; empty for nothing."""
    own: Callable[[MotionClip], str] | None = getattr(portrait, "edit_cost", None)
    return "" if own is None else own(clip)


def frame_drawer(
    portrait: Portrait, clip: MotionClip, cancelled: CancelCheck = never
) -> FrameDrawer:
    """Return what draws the frames of a whole clip: the portrait's own way, or one by one.

    A frame that takes long asks ``cancelled`` meanwhile, and raises ``Cancelled``.
    """
    checked: Callable[[Iterable[str]], None] | None = getattr(portrait, "check_edits", None)
    if checked is not None:
        checked(clip.edit_names)
    own: Callable[[MotionClip, CancelCheck], FrameDrawer] | None
    own = getattr(portrait, "clip_drawer", None)
    if own is not None:
        return own(clip, cancelled)

    def draw(index: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        return portrait.render(clip.frame(index), out)

    return draw


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
    """Return who looks at the portrait while it is being prepared, None where nobody does."""
    taker: Callable[[NDArray[np.uint8]], None] | None = getattr(progress, "picture", None)
    return taker
