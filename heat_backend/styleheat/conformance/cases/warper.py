# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the video and the audio warper."""

from __future__ import annotations

from torch import Tensor

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.networks.flow import deformation, warp
from heat_backend.styleheat.networks.warper import Warped


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


CASES = {
    "mapping_net": mapping_net,
    "audio_mapping_net": audio_mapping_net,
    "warping_net": warping_net,
    "video_warper": video_warper,
    "audio_warper": audio_warper,
}
