# SPDX-License-Identifier: GPL-3.0-or-later
"""The key by which two exports are the same shot, and the metadata written into every output."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bridge.errors import BadInput
from bridge.motion_clip import MotionClip
from heat_backend.engines.description import changed_options
from heat_backend.engines.protocol import COMPOSITE_SYNTHETIC, EngineSettings
from heat_backend.export.provenance import Provenance
from heat_backend.media.photo import Photo

# Rates of film and television that are written rounded (23.976 for 24000/1001).
_NTSC_BASES = (24, 30, 48, 60, 120)


@dataclass(frozen=True)
class Shot:
    """One export, as its outputs and side files name it.

    Attributes
    ----------
    key : str
        Hexadecimal fingerprint of portrait, clip, engine, settings and size.
    engine_label : str
        Name and version of the engine.
    source_type : str
        The IPTC's term for what the engine makes.
    """

    key: str
    engine_label: str
    source_type: str = COMPOSITE_SYNTHETIC

    @property
    def provenance(self) -> Provenance:
        """What every output says of itself."""
        return Provenance("one photo animated", self.engine_label, self.source_type, self.key)


def portrait_key(photo: Photo, settings: EngineSettings) -> str:
    """Fingerprint of a photo and of the settings that change its frames.

    The device is left out: an export begun on a GPU may be resumed on the CPU.
    """
    options: tuple[object, ...] = (
        settings.size,
        settings.face,
        settings.detector,
        settings.neutralise,
    )
    options += changed_options(settings.options)
    return photo.digest_with(repr((photo.pixels.shape, options)))


def make_shot(
    portrait_id: str,
    clip: MotionClip,
    engine_label: str,
    width: int,
    height: int,
    source_type: str = COMPOSITE_SYNTHETIC,
) -> Shot:
    """Fingerprint all that a frame depends on."""
    digest = hashlib.sha256(repr((portrait_id, engine_label, width, height)).encode())
    for table in (clip.expression, clip.rotation, clip.translation):
        digest.update(np.ascontiguousarray(table, dtype=np.float32).data)
    if clip.edits is not None:
        digest.update(np.ascontiguousarray(clip.edits, dtype=np.float32).data)
        digest.update(repr(tuple(clip.edit_names)).encode())
    return Shot(digest.hexdigest()[:24], engine_label, source_type)


def frame_rate(fps: Fraction | float) -> Fraction:
    """Find the exact rate that a rounded number of frames a second stands for.

    23.976 gives 24000/1001; other numbers keep at most three decimals.

    Raises
    ------
    BadInput
        When the rate is not a number between 0.1 and 1000.
    """
    if not np.isfinite(float(fps)) or not 0.1 <= float(fps) <= 1000:
        raise BadInput(f"{fps} frames a second cannot be written: use a rate from 0.1 to 1000")
    if isinstance(fps, Fraction):
        return fps.limit_denominator(100_000)
    for base in _NTSC_BASES:
        exact = Fraction(base * 1000, 1001)
        if abs(fps - exact) < 0.006:
            return exact
    return Fraction(fps).limit_denominator(1000)
