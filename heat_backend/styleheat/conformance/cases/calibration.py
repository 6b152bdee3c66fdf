# SPDX-License-Identifier: GPL-3.0-or-later
"""The case of the calibration network."""

from __future__ import annotations

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs


def calibration_net(run: CaseRun) -> Outputs:
    """Run all eight tensors."""
    found = run.network("calibrator")(run.tensor("x"), run.tensor("z"))
    return {f"condition_{index}": tensor for index, tensor in enumerate(found)}


CASES = {"calibration_net": calibration_net}
