# SPDX-License-Identifier: GPL-3.0-or-later
"""The torch renderer gives the CPU's frames, and unusable devices are refused plainly."""

from collections.abc import Iterator

import numpy as np
import pytest

from bridge.coefficients import Coefficients
from bridge.errors import MissingHere, UsageError
from heat_backend.engines import device
from heat_backend.warp import portrait as portrait_module
from heat_backend.warp import warp_renderer
from tests.portraits import KIT, prepare
from tools.measures import fidelity

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="needs torch, the extra networks")
data = pytest.importorskip("skimage.data", reason="scikit-image brings the astronaut portrait")
CASES = {
    "zero": {},
    "left": {"rotation": (0.0, 0.5, 0.0)},
    "right": {"rotation": (0.1, -0.6, 0.2)},
    "up": {"rotation": (-0.3, 0.0, 0.0), "translation": (0.2, 0.1, 0.5)},
    "speaking": {"expression": {"jawOpen": 0.7, "mouthSmileLeft": 0.8, "eyeBlinkLeft": 1.0}},
}


def photos() -> Iterator[np.ndarray]:
    yield np.ascontiguousarray(data.astronaut())
    if KIT.is_dir():
        from heat_backend.media.photo import load_photo

        yield load_photo(KIT / "p02_synth_man.jpg").pixels


class Switched:
    """Renders on the CPU or by torch, as ``kind`` says."""

    def __init__(self, inputs: warp_renderer.WarpInputs, device: str) -> None:
        from heat_backend.warp.torch_warp_renderer import TorchWarpRenderer

        self.kinds = {
            "cpu": warp_renderer.CpuWarpRenderer(inputs),
            "torch": TorchWarpRenderer(inputs, device),
        }
        self.kind = "cpu"

    def render(self, *given: object) -> None:
        self.kinds[self.kind].render(*given)

    def set_foreground(self, foreground: np.ndarray) -> None:
        for kind in self.kinds.values():
            kind.set_foreground(foreground)


def test_torch_gives_the_same_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Switched] = []

    def switched(inputs: warp_renderer.WarpInputs, device: str) -> Switched:
        made.append(Switched(inputs, device))
        return made[-1]

    monkeypatch.setattr(portrait_module, "make_warp_renderer", switched)
    for pixels in photos():
        made.clear()
        portrait = prepare(pixels, size=480, device="cpu")
        for name, case in CASES.items():
            coefficients = Coefficients.of(**case)
            made[0].kind = "cpu"
            plain = portrait.render(coefficients).copy()
            made[0].kind = "torch"
            same = portrait.render(coefficients)
            assert fidelity.psnr(same, plain) >= 50.0, name
            worst = np.abs(same.astype(int) - plain.astype(int)).max(axis=2)
            assert (worst > 8).mean() < 1e-3, name


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_cuda_where_there_is_none_is_reported_in_one_line() -> None:
    with pytest.raises(MissingHere, match="--device cpu"):
        prepare(data.astronaut(), device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_cuda_gives_the_frames_of_the_cpu() -> None:
    pixels = np.ascontiguousarray(data.astronaut())
    plain, fast = (prepare(pixels, device=device) for device in ("cpu", "cuda"))
    for name, case in CASES.items():
        coefficients = Coefficients.of(**case)
        frames = plain.render(coefficients), fast.render(coefficients)
        assert fidelity.psnr(*frames) >= 45.0, name


def test_auto_takes_the_cpu_without_a_gpu_and_odd_names_are_refused() -> None:
    if not torch.cuda.is_available():
        assert device.chosen_device("auto") == "cpu"
    assert device.chosen_device("cpu") == "cpu"
    with pytest.raises(UsageError, match="abacus"):
        device.chosen_device("abacus")
