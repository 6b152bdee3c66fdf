# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: their keys are the checkpoints', they load strictly, gradients flow through them."""

import numpy as np
import pytest
import torch

from bridge.errors import UsageError
from heat_backend.styleheat.conformance import synthetic
from heat_backend.styleheat.networks.losses import perceptual_loss
from heat_backend.styleheat.networks.registry import build_network, network_names
from heat_backend.styleheat.networks.stylegan import Conditions
from heat_backend.styleheat.weights.manifest import load_manifest

pytestmark = pytest.mark.slow

MANIFEST = load_manifest()


@pytest.mark.parametrize("name", sorted(MANIFEST.networks))
def test_state_dict_is_the_manifests(name: str) -> None:
    with torch.device("meta"):
        ours = build_network(name).state_dict()
    wanted = {t.key: (t.shape, t.dtype) for t in MANIFEST.networks[name].tensors}
    found = {key: (tuple(v.shape), str(v.dtype).split(".")[1]) for key, v in ours.items()}
    assert found == wanted


def test_every_network_of_the_manifest_can_be_built_and_no_other() -> None:
    assert set(network_names()) == set(MANIFEST.networks)
    with pytest.raises(UsageError, match="no network 'dalle'"):
        build_network("dalle")


def test_fixed_kernels_are_the_manifests() -> None:
    """What a checkpoint holds and training would not change is the same without one."""
    for name, layout in MANIFEST.networks.items():
        constants = [t for t in layout.tensors if t.key.endswith(".kernel")]
        if constants:
            ours = build_network(name).state_dict()
            for tensor in constants:
                np.testing.assert_allclose(ours[tensor.key], synthetic.weight(1, "", tensor))


@pytest.mark.parametrize("seed", [1])
def test_synthetic_weights_are_drawn_in_float64_and_rounded_once(seed: int) -> None:
    layout = MANIFEST.network("hfgi_encoder")
    made = synthetic.state_dict(layout, seed, keys=("conv_layer1.1.running_var",))
    (values,) = made.values()
    assert values.dtype == np.float32
    assert values.min() >= np.float32(0.9)


def _small(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network(name, size=64) if name == "stylegan" else build_network(name)


def _grown(module: torch.nn.Module, *outputs: torch.Tensor) -> set[str]:
    """Parameters that a loss on the outputs reaches."""
    sum(output.square().mean() for output in outputs).backward()
    return {
        key
        for key, value in module.named_parameters()
        if value.grad is not None and torch.isfinite(value.grad).all() and value.grad.any()
    }


def test_gradients_reach_every_weight_of_the_warper() -> None:
    net = _small("video_warper")
    out = net(torch.randn(1, 3, 256, 256), torch.randn(1, 73, 27))
    assert _grown(net, out.flow_field, out.warp_image) == {k for k, _ in net.named_parameters()}


def test_gradients_reach_every_weight_of_the_generator_but_the_noise() -> None:
    net = _small("stylegan")
    made = net(net.style(torch.randn(2, 512)), Conditions(f_r=None))
    reached = _grown(net, made.image)
    assert {k for k, _ in net.named_parameters()} - reached == {
        k for k, _ in net.named_parameters() if ".noise." in k
    }


def test_gradients_reach_every_weight_of_the_calibrator() -> None:
    net = _small("calibrator")
    found = net(torch.randn(1, 512, 64, 64), torch.randn(1, 256, 1))
    assert _grown(net, *found) == {k for k, _ in net.named_parameters()}


def test_perceptual_loss_is_zero_only_for_the_same_picture() -> None:
    net = _small("vgg19").eval()
    image = torch.rand(1, 3, 128, 128) * 2 - 1
    assert perceptual_loss(net, image, image).item() == 0.0
    assert perceptual_loss(net, image, image.flip(3)).item() > 0.0
