# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleHEAT's forward as published, and the inversion that it drives; differentiable."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from heat_backend.styleheat.networks.calibration import CalibrationNet
from heat_backend.styleheat.networks.flow import deformation, resize, warp
from heat_backend.styleheat.networks.stylegan import Conditions, Generator
from heat_backend.styleheat.networks.warper import AudioWarper, VideoWarper

UPPER_ROWS = 32
"""Rows of the audio's flow (of 64) that are put to zero: only the lower face follows the audio."""


@dataclass(frozen=True)
class Inversion:
    """An inverted picture: what the generator needs to reconstruct and to drive it."""

    ix: Tensor
    """(B, 3, 256, 256), the inversion as a picture."""
    wplus: Tensor
    """(B, 18, 512)."""
    fx: Tensor
    """(B, 512, 64, 64), the feature after the inversion condition."""
    condition: tuple[Tensor, Tensor] | None
    """Scale and shift of the inversion, (B, 512, 64, 64) each; none after an optimisation."""


@dataclass(frozen=True)
class StyleHeat:
    """The networks that drive an inverted portrait."""

    generator: Generator
    video_warper: VideoWarper
    calibrator: CalibrationNet
    audio_warper: AudioWarper | None = None


@dataclass(frozen=True)
class Driven:
    """Outputs of the forward; pictures about -1 to 1, not clamped."""

    fake: Tensor
    """(B, 3, imsize, imsize)."""
    video_warp: Tensor
    """(B, 3, imsize, imsize), warped by the video's flow, not calibrated."""
    audio_warp: Tensor | None
    """(B, 3, imsize, imsize), warped by the audio's flow as well."""
    fx_warp: Tensor
    """(B, 512, 64, 64)."""


def forward(
    networks: StyleHeat, inversion: Inversion, window: Tensor, mel: Tensor | None = None,
    imsize: int = 512,
) -> Driven:  # fmt: skip
    """Drive an inverted portrait.

    Parameters
    ----------
    networks : StyleHeat
        With an audio warper where ``mel`` is given.
    inversion : Inversion
        Of the portrait.
    window : Tensor
        (B, 73, 27), the 73-vectors around each frame.
    mel : Tensor, optional
        (B, 80, 32), the voice around each frame.
    imsize : int
        Size of the pictures.
    """
    generate, codes = networks.generator, inversion.wplus
    warped = networks.video_warper(inversion.ix, window)
    warping = [deformation(warped.flow_field)]  # (B,2,64,64) -> (B,64,64,2)
    fx_warp = warp(inversion.fx, warping[0])
    warped_only = Conditions(inversion=inversion.condition, warping=warping)
    video_warp = resize(generate(codes, warped_only).image, imsize)  # -> (B,3,imsize,imsize)
    audio_warp: Tensor | None = None
    if networks.audio_warper is not None and mel is not None:
        flow = networks.audio_warper(resize(video_warp, 256), mel).flow_field
        places = deformation(lower_half(flow))  # (B,2,64,64) -> (B,64,64,2)
        warping = [*warping, places]
        fx_warp = warp(fx_warp, places)
        with_audio = Conditions(inversion=inversion.condition, warping=warping)
        audio_warp = resize(generate(codes, with_audio).image, imsize)  # -> (B,3,imsize,imsize)
    refining = networks.calibrator(fx_warp, warped.descriptor)
    last = Conditions(inversion.condition, inversion.fx, warping, refining)
    fake = resize(generate(codes, last).image, imsize)  # -> (B,3,imsize,imsize)
    return Driven(fake, video_warp, audio_warp, fx_warp)


def lower_half(flow: Tensor) -> Tensor:
    """Keep a flow (B, 2, 64, 64) in the lower half only."""
    kept = flow.clone()
    kept[:, :, :UPPER_ROWS] = 0
    return kept
