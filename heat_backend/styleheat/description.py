# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``styleheat`` engine as it registers itself."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.engine_description import Capabilities, Choice
from heat_backend.engines.description import (
    Command,
    EngineBench,
    EngineDescription,
    MotionFormat,
    option,
)


@dataclass(frozen=True)
class StyleHeatOptions:
    """What a user may choose of this engine.

    Attributes
    ----------
    inversion : str
        How the portrait is found among those that the generator can draw.
    keep_identity : bool
        Attribute edits are brought back to the photo wherever they are not about.
    """

    inversion: str = option(
        "encode",
        "Inversion",
        "How the engine finds the portrait among those that it can paint",
        choices=(
            Choice("encode", "Encoder", "At once, with the photo's details put back"),
            Choice(
                "optimize",
                "Optimised",
                "More alike; takes minutes on an NVIDIA card, and hours else",
            ),
            Choice("coarse", "Coarse", "A fast look: smooth, less alike"),
        ),
        command_help="encode; optimize, more alike, takes minutes on a GPU; or coarse, a fast look",
        metavar="HOW",
    )
    keep_identity: bool = option(
        False,
        "Keep Identity",
        "After an edit of an attribute such as age, bring all that it is not about back to the "
        "photo; each value takes as long as an inversion",
        command_help="after an attribute edit such as age, bring all that it is not about back to "
        "the photo; takes as long as an inversion",
    )


DESCRIPTION = EngineDescription(
    name="styleheat",
    create="heat_backend.styleheat.styleheat_engine:StyleHeatEngine",
    title="StyleHEAT",
    summary="StyleHEAT paints the face anew with the paper's networks, at 1024 pixels: larger "
    "turns and edits such as age. It needs PyTorch and the published weights, and wants an NVIDIA "
    "card; without one it is slow.",
    options=StyleHeatOptions,
    capabilities=Capabilities(
        photo_edits=True,
        attributes=True,
        inverts=True,
        inverts_edits=True,
        inverts_attributes_with="keep_identity",
        devices=("cpu", "cuda"),
        weights=True,
        networks=True,
    ),
    commands=(
        Command(
            "invert",
            "invert a portrait for the engine styleheat, with a picture of the reconstruction "
            "as it goes",
            "heat_backend.styleheat.commands.invert",
        ),
        Command(
            "weights",
            "list, fetch or verify the published checkpoints of the StyleHEAT engine",
            "heat_backend.styleheat.commands.weights",
        ),
        Command(
            "conformance",
            "run the StyleHEAT networks against recorded cases and print the error of each output",
            "heat_backend.styleheat.commands.conformance",
        ),
    ),
    checks="heat_backend.styleheat.commands.checks:checks",
    attributes="heat_backend.styleheat.commands.attributes",
    motion=MotionFormat(
        (".npy", ".mat"),
        "heat_backend.styleheat.driving.paper_motion:load_motion",
        ".npy or .mat, in the paper's values",
    ),
    bench=EngineBench(
        {"styleheat": "heat_backend.styleheat.bench_section"},
        "heat_backend.styleheat.bench_subject:memory_subject",
        1000,
    ),
    kept="heat_backend.styleheat.inversion.kept_inversions:kept_data",
)
