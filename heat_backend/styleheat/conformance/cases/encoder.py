# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the encoders: e4e, HFGI's two, Deep3D, and of the discriminator."""

from __future__ import annotations

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs


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


CASES = {
    "e4e_encoder": e4e_encoder,
    "hfgi_aligner": hfgi_aligner,
    "hfgi_encoder": hfgi_encoder,
    "deep3d_recon": deep3d_recon,
    "discriminator": discriminator,
}
