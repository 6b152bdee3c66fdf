# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded cases of the networks: encoders, generator, flow, warpers, calibration, forward."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heat_backend.styleheat.conformance.synthetic import CaseRun, Outputs
from heat_backend.styleheat.inversion.encoder import Inverter
from heat_backend.styleheat.networks.flow import deformation, warp
from heat_backend.styleheat.networks.forward import Inversion, StyleHeat, forward
from heat_backend.styleheat.networks.stylegan import Conditions, Generated, Generator
from heat_backend.styleheat.networks.warper import Warped


def e4e_encoder(run: CaseRun) -> Outputs:
    """Run the e4e encoder with the features on the way."""
    net = run.network("e4e_encoder")
    body = net.features(run.tensor("image"))
    codes = net.rows(body)
    wplus = run.network("e4e_latent_avg")(codes)
    return {"c1": body.c1, "c2": body.c2, "c3": body.c3, "codes": codes, "wplus": wplus}


def hfgi_aligner(run: CaseRun) -> Outputs:
    """Run the aligner."""
    return {"aligned": run.network("hfgi_aligner")(run.tensor("x"))}


def hfgi_encoder(run: CaseRun) -> Outputs:
    """Run the residual encoder."""
    scale, shift = run.network("hfgi_encoder")(run.tensor("residual"))
    return {"scale": scale, "shift": shift}


def deep3d_recon(run: CaseRun) -> Outputs:
    """Run the reconstruction network."""
    return {"coeff257": run.network("deep3d_recon")(run.tensor("image"))}


def discriminator(run: CaseRun) -> Outputs:
    """Run the discriminator on four pictures and on two of them."""
    net, images = run.network("discriminator"), run.tensor("image")
    return {"logit4": net(images), "logit2": net(images[:2])}


def _generate(run: CaseRun, size: int, conditions: Conditions) -> Generated:
    generated: Generated = run.network("stylegan", size=size)(run.tensor("wplus"), conditions)
    return generated


def _image_and_f(generated: Generated) -> dict[str, Tensor]:
    return {"image": generated.image, "f_latent": generated.f_latent}


def _inversion(run: CaseRun) -> tuple[Tensor, Tensor]:
    return run.tensor("c0"), run.tensor("c1")


def _warpings(run: CaseRun) -> list[Tensor]:
    return [deformation(run.tensor("flow1")), deformation(run.tensor("flow2"))]


def _refining(run: CaseRun, given: int = 0) -> list[Tensor]:
    """Eight tensors, of which only the last two act; ``given`` of the others are inputs too."""
    unused = [run.tensor(f"r{i}") for i in range(given)]
    unused += [run.tensor("r6")] * (6 - given)
    return [*unused, run.tensor("r6"), run.tensor("r7")]


def mapping(run: CaseRun) -> Outputs:
    """Run the style MLP, z to w."""
    return {"w": run.network("stylegan").style(run.tensor("z"))}


def _traced(run: CaseRun, size: int) -> Outputs:
    """Run without conditions, and tell mean, std and largest value on the way."""
    net: Generator = run.network("stylegan", size=size)
    rows: list[Tensor] = []

    def note(_module: nn.Module, _inputs: object, out: Tensor) -> None:
        rows.append(torch.stack([out.mean(), out.std(correction=0), out.abs().max()]))

    layers = [net.conv1, net.to_rgb1, *net.convs, *net.to_rgbs]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        generated = net(run.tensor("wplus"))
    finally:
        for hook in hooks:
            hook.remove()
    return _image_and_f(generated) | {"trace": torch.stack(rows)}


def plain256(run: CaseRun) -> Outputs:
    """Run without conditions up to 256 px."""
    return _traced(run, 256)


def plain1024(run: CaseRun) -> Outputs:
    """Run without conditions."""
    return _traced(run, 1024)


def w_truncation(run: CaseRun) -> Outputs:
    """Run one w for all rows, whole and drawn to the average."""
    net: Generator = run.network("stylegan", size=256)
    w, average = run.tensor("w"), run.tensor("wavg")
    return {
        "image_w": net(w).image,
        "image_trunc": net(net.codes(w, truncation=0.7, average=average)).image,
    }


def inversion(run: CaseRun) -> Outputs:
    """Run with the inversion condition."""
    return _image_and_f(_generate(run, 256, Conditions(inversion=_inversion(run))))


def f_condition(run: CaseRun) -> Outputs:
    """Run with a given feature."""
    conditions = Conditions(inversion=_inversion(run), f=run.tensor("f"))
    return _image_and_f(_generate(run, 256, conditions))


def warping(run: CaseRun) -> Outputs:
    """Run with one deformation, and with two."""
    both = _warpings(run)
    one = _generate(run, 256, Conditions(warping=both[0]))
    two = _generate(run, 256, Conditions(warping=both))
    return {
        "image_one": one.image,
        "f_latent": one.f_latent,
        "f_r_latent_one": one.f_r_latent,
        "image_two": two.image,
        "f_r_latent_two": two.f_r_latent,
    }


def refining(run: CaseRun) -> Outputs:
    """Run with the calibration network's tensors."""
    return _image_and_f(_generate(run, 256, Conditions(refining=_refining(run, given=6))))


def f_r_condition(run: CaseRun) -> Outputs:
    """Run with a given last feature."""
    return {"image": _generate(run, 256, Conditions(f_r=run.tensor("f_r"))).image}


def _combined(run: CaseRun, f: Tensor | None) -> Conditions:
    return Conditions(_inversion(run), f, _warpings(run), _refining(run))


def combined256(run: CaseRun) -> Outputs:
    """Run with all conditions up to 256 px, and without the given feature."""
    found = _image_and_f(_generate(run, 256, _combined(run, run.tensor("f"))))
    return found | {"image_without_f": _generate(run, 256, _combined(run, None)).image}


def combined1024(run: CaseRun) -> Outputs:
    """Run with all conditions."""
    return _image_and_f(_generate(run, 1024, _combined(run, run.tensor("f"))))


def flow_util(run: CaseRun) -> Outputs:
    """Deformation of a flow; warps of its size, of another, of none, and not square."""
    feature, flow = run.tensor("feature"), run.tensor("flow")
    places, places_ns = deformation(flow), deformation(run.tensor("flow_ns"))
    return {
        "deformation": places,
        "warp_same": warp(feature, places),
        "warp_resized": warp(run.tensor("image"), places),
        "warp_zero_flow": warp(feature, deformation(torch.zeros_like(flow))),
        "deformation_ns": places_ns,
        "warp_ns": warp(run.tensor("feature_ns"), places_ns),
    }


def mapping_net(run: CaseRun) -> Outputs:
    """Windows of the 73-vector to descriptors."""
    return {"descriptor": run.network("video_warper").mapping_net(run.tensor("coeff"))}


def audio_mapping_net(run: CaseRun) -> Outputs:
    """Windows of a mel spectrogram to descriptors."""
    return {"descriptor": run.network("audio_warper").audio_encoder(run.tensor("mel"))}


def warping_net(run: CaseRun) -> Outputs:
    """Picture and descriptor to flow, with the features on the way."""
    net = run.network("video_warper").warping_net
    image: Tensor = run.tensor("image")
    z = run.tensor("descriptor").flatten(1)
    features = net.hourglass.encoder(image, z)
    hourglass = net.hourglass.decoder(features, z)
    flow = net.flow_out(hourglass)
    return {
        "encoder_in": features[0],
        "encoder_out": features[-1],
        "hourglass": hourglass,
        "flow_field": flow,
        "warp_image": warp(image, deformation(flow)),
    }


def _outputs(warped: Warped) -> Outputs:
    return {
        "descriptor": warped.descriptor,
        "flow_field": warped.flow_field,
        "warp_image": warped.warp_image,
    }


def video_warper(run: CaseRun) -> Outputs:
    """Run the whole video warper."""
    return _outputs(run.network("video_warper")(run.tensor("image"), run.tensor("coeff")))


def audio_warper(run: CaseRun) -> Outputs:
    """Run the whole audio warper."""
    return _outputs(run.network("audio_warper")(run.tensor("image"), run.tensor("mel")))


def calibration_net(run: CaseRun) -> Outputs:
    """Run all eight tensors."""
    found = run.network("calibrator")(run.tensor("x"), run.tensor("z"))
    return {f"condition_{index}": tensor for index, tensor in enumerate(found)}


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
    "e4e_encoder": e4e_encoder,
    "hfgi_aligner": hfgi_aligner,
    "hfgi_encoder": hfgi_encoder,
    "deep3d_recon": deep3d_recon,
    "discriminator": discriminator,
    "stylegan_mapping": mapping,
    "stylegan256_plain": plain256,
    "stylegan256_w_truncation": w_truncation,
    "stylegan256_inversion": inversion,
    "stylegan256_f_condition": f_condition,
    "stylegan256_warping": warping,
    "stylegan256_refining": refining,
    "stylegan256_f_r_condition": f_r_condition,
    "stylegan256_combined": combined256,
    "stylegan1024_plain": plain1024,
    "stylegan1024_combined": combined1024,
    "flow_util": flow_util,
    "mapping_net": mapping_net,
    "audio_mapping_net": audio_mapping_net,
    "warping_net": warping_net,
    "video_warper": video_warper,
    "audio_warper": audio_warper,
    "calibration_net": calibration_net,
    "hfgi_inverse": hfgi_inverse,
    "styleheat_forward_video": styleheat_forward_video,
    "styleheat_forward_audio": styleheat_forward_audio,
}
