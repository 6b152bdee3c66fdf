# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the package run on arrays, quietly, and say what to do where they cannot."""

import base64
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import MissingHere
from heat_backend.inference.network import Network

# ONNX: product = a @ b for (n, n) float32, and its sum.
PRODUCT_AND_SUM = (
    "CAg6ogEKFwoBYQoBYhIHcHJvZHVjdCIGTWF0TXVsCioKB3Byb2R1Y3QSA3N1bSIJUmVkdWNlU3VtKg8KCGtlZXBkaW1z"
    "GACgAQISAXRaFQoBYRIQCg4IARIKCgMSAW4KAxIBbloVCgFiEhAKDggBEgoKAxIBbgoDEgFuYhsKB3Byb2R1Y3QSEAoO"
    "CAESCgoDEgFuCgMSAW5iDQoDc3VtEgYKBAgBEgBCBAoAEBE="
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ein Weg über 网络" / "product.onnx"
    path.parent.mkdir()
    path.write_bytes(base64.b64decode(PRODUCT_AND_SUM))
    return path


def squares(seed: int, side: int = 64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((side, side)).astype(np.float32) for name in "ab"}


def test_arrays_go_in_and_named_arrays_come_out(file: Path) -> None:
    network = Network(file)
    inputs = squares(0)
    outputs = network.run(inputs)
    assert network.inputs == ("a", "b")
    assert set(outputs) == set(network.outputs) == {"product", "sum"}
    np.testing.assert_allclose(outputs["product"], inputs["a"] @ inputs["b"], atol=1e-4)
    np.testing.assert_allclose(outputs["sum"], (inputs["a"] @ inputs["b"]).sum(), atol=0.01)


def test_threads_that_run_one_network_at_once_get_what_one_alone_gets(file: Path) -> None:
    network = Network(file, threads=2)
    expected = {seed: network.run(squares(seed)) for seed in range(4)}
    wrong: list[int] = []

    def work(seed: int) -> None:
        inputs = squares(seed)
        for _ in range(100):
            found = network.run(inputs)
            if any(not np.array_equal(found[name], expected[seed][name]) for name in found):
                wrong.append(seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in expected]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("length", [None, 0, 100])
def test_a_missing_or_damaged_file_is_reported_in_one_line(file: Path, length: int | None) -> None:
    if length is None:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(MissingHere, match=r"product\.onnx is missing or damaged") as caught:
        Network(file)
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_the_line_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingHere, match="onnxruntime does not load"):
        Network(file)


def test_nothing_is_written_between_our_own_lines(file: Path) -> None:
    code = f"""if True:
        import sys, numpy
        from pathlib import Path
        from heat_backend.inference.network import Network
        assert "onnxruntime" not in sys.modules
        square = numpy.eye(3, dtype=numpy.float32)
        print(Network(Path({str(file)!r})).run(dict(a=square, b=square))["sum"])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3.0"]
    assert not done.stderr
