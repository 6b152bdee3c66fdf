# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the generator, whole and stopped at 256 px."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from heat_backend.styleheat.conformance.case_run import CaseRun, Outputs
from heat_backend.styleheat.networks.flow import deformation
from heat_backend.styleheat.networks.stylegan import Conditions, Generated, Generator


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


CASES = {
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
}
