# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the flow conventions."""

from __future__ import annotations

import torch

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.networks.flow import deformation, warp


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


CASES = {"flow_util": flow_util}
