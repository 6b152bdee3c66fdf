# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the inversion by encoder and of StyleHEAT's whole forward."""

from __future__ import annotations

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.inversion.encoder import Inversion, Inverter
from heat_backend.styleheat.networks.forward import StyleHeat, forward


def _inverter(run: CaseRun) -> Inverter:
    return Inverter(
        run.network("stylegan"),
        run.network("e4e_encoder"),
        run.network("e4e_latent_avg"),
        run.network("hfgi_aligner"),
        run.network("hfgi_encoder"),
    )


def _styleheat(run: CaseRun, audio: bool) -> StyleHeat:
    return StyleHeat(
        run.network("stylegan"),
        run.network("video_warper"),
        run.network("calibrator"),
        run.network("audio_warper") if audio else None,
    )


def hfgi_inverse(run: CaseRun) -> Outputs:
    """Invert a picture, with the parts on the way."""
    inverter = _inverter(run)
    kept = []
    hook = inverter.aligner.register_forward_hook(lambda _m, _i, out: kept.append(out))
    try:
        encoded = inverter.encode(run.tensor("image"))
        inversion = inverter.decode(encoded)
    finally:
        hook.remove()
    assert inversion.condition is not None
    return {
        "wplus": encoded.wplus,
        "rough_inversion": encoded.rough,
        "residual": encoded.residual,
        "aligned_residual": kept[0],
        "inversion_scale": inversion.condition[0],
        "inversion_shift": inversion.condition[1],
        "ix": inversion.ix,
        "fx": inversion.fx,
    }


def styleheat_forward_video(run: CaseRun) -> Outputs:
    """Invert and drive a picture at 512 px."""
    inversion = _inverter(run).inverse(run.tensor("image"))
    driven = forward(_styleheat(run, audio=False), inversion, run.tensor("coeff"))
    return {
        "fake_image": driven.fake,
        "video_warp_image": driven.video_warp,
        "fx_warp": driven.fx_warp,
    }


def styleheat_forward_audio(run: CaseRun) -> Outputs:
    """Drive a given inversion by motion and voice at 1024 px."""
    inversion = Inversion(run.tensor("ix"), run.tensor("wplus"), run.tensor("fx"), None)
    networks = _styleheat(run, audio=True)
    driven = forward(networks, inversion, run.tensor("coeff"), run.tensor("mel"), imsize=1024)
    assert driven.audio_warp is not None
    return {
        "fake_image": driven.fake,
        "video_warp_image": driven.video_warp,
        "audio_warp_image": driven.audio_warp,
        "fx_warp": driven.fx_warp,
    }


CASES = {
    "hfgi_inverse": hfgi_inverse,
    "styleheat_forward_video": styleheat_forward_video,
    "styleheat_forward_audio": styleheat_forward_audio,
}
