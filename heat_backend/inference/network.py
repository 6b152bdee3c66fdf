# SPDX-License-Identifier: GPL-3.0-or-later
"""A network in an ONNX file, run by onnxruntime: arrays in, arrays out.

onnxruntime is loaded with the first network, not with this module: what needs no network starts
without it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import MissingHere

_FATAL = 4  # onnxruntime's severity: it logs nothing below; what fails is raised as well


class Network:
    """A network of the package, ready to run. Several threads may run it at the same time.

    The same inputs give the same outputs, bit for bit, on the same machine.

    Parameters
    ----------
    file : pathlib.Path
        The ONNX file.
    threads : int
        Threads that one run uses, 1 or more.

    Attributes
    ----------
    inputs, outputs : tuple of str
        Names of what goes in and comes out, in the file's order.

    Raises
    ------
    bridge.errors.MissingHere
        When onnxruntime does not load, or the file is missing or damaged.
    """

    def __init__(self, file: Path, threads: int = 1) -> None:
        self._session = _session(file, threads)
        self.inputs: tuple[str, ...] = tuple(i.name for i in self._session.get_inputs())
        self.outputs: tuple[str, ...] = tuple(o.name for o in self._session.get_outputs())

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float32]]:
        """Compute all outputs.

        Parameters
        ----------
        inputs : mapping of str to array
            One array for each name of ``inputs``, of the file's types and shapes.

        Returns
        -------
        dict of str to array
            One new array for each name of ``outputs``.
        """
        found = self._session.run(list(self.outputs), dict(inputs))
        return dict(zip(self.outputs, found, strict=True))


def _session(file: Path, threads: int) -> Any:
    # Read as it loads: else it makes a number for this machine and sends what it runs to Microsoft.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except Exception as error:  # missing, or its native library does not load
        reason = " ".join(str(error).split())[:120]
        raise MissingHere(
            f"onnxruntime does not load ({reason}): run  heat doctor  to see what mends it"
        ) from error
    onnxruntime.disable_telemetry_events()  # on Windows, where the variable does not count
    onnxruntime.set_default_logger_severity(_FATAL)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # Threads wait for the next step of a run awake, and sleep between two runs: Heat's own pixel
    # loops use the same cores there.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        # The bytes, not the path: a path in any script and of any length works on every system.
        return onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # an OSError, or one of onnxruntime's own for a damaged file
        raise MissingHere(
            f"the network {file.name} is missing or damaged ({file}): install Heat again"
        ) from error
