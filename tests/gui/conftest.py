# SPDX-License-Identifier: GPL-3.0-or-later
"""What every window test is given: the built zip, the astronaut, a backend's interpreter."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import build_addon
from tests.gui import window


@pytest.fixture(scope="session")
def blender() -> window.Blender:
    found = window.find_blender()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="session")
def given(blender: window.Blender) -> Iterator[dict[str, Any]]:
    import skimage.data
    from PIL import Image

    inputs = window.fresh_folder("inputs")
    photo = inputs / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(photo)
    package = build_addon.build(inputs)
    shared = {"zip": str(package), "photo": str(photo)}
    if window.backend_runs_inside(blender):
        yield {**shared, "python": sys.executable}
    else:
        with outside_backend() as remote:
            yield {**shared, "remote": remote}


@contextlib.contextmanager
def outside_backend() -> Iterator[tuple[str, int, str]]:
    """A backend beside Blender, for a Blender in whose file tree no interpreter of ours runs."""
    secret = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "heat_backend", "serve"]
    process = subprocess.Popen(
        command, env={**os.environ, "HEAT_SECRET": secret}, cwd=window.ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        yield told["host"], told["port"], secret
    finally:
        process.terminate()
        process.wait()
