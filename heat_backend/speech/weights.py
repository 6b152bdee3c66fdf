# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped weights of the network, one ``.npz`` beside this file, described in MODEL_CARD.md."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from bridge.errors import MissingHere
from bridge.whole_file import whole_file
from heat_backend.speech.network import Shape, SpeechNet

FORMAT = "heat-speech"
VERSION = 1
SHIPPED = Path(__file__).with_name("speech_net.npz")


def save(network: SpeechNet, path: Path) -> None:
    """Write the weights in half precision; the file appears whole or not at all."""
    fields: dict[str, np.ndarray] = {
        "format": np.array(FORMAT),
        "version": np.array(VERSION),
        "widths": np.array(network.shape.widths),
        "sizes": np.array([network.shape.bottleneck, network.shape.hidden, network.shape.layers]),
    }
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            fields[f"w.{name}"] = value.detach().cpu().numpy().astype(np.float16)
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **fields)


def load(path: Path = SHIPPED) -> SpeechNet:
    """Read a network, ready to listen.

    Raises
    ------
    MissingHere
        The file is not there or is not one of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as fields:
            if str(fields["format"]) != FORMAT or int(fields["version"]) != VERSION:
                raise ValueError("another format")
            a, b, c = (int(n) for n in fields["widths"])
            bottleneck, hidden, layers = (int(n) for n in fields["sizes"])
            network = SpeechNet(Shape((a, b, c), bottleneck, hidden, layers))
            state = {
                name[2:]: torch.from_numpy(fields[name].astype(np.float32))
                for name in fields.files
                if name.startswith("w.")
            }
        network.load_state_dict(state, strict=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        text = f"the speech network {path.name} is missing or broken: install Heat again"
        raise MissingHere(text) from error
    return network.eval()


@lru_cache(maxsize=1)
def shipped() -> SpeechNet:
    """Return the shipped network, read once."""
    return load()
