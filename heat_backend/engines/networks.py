# SPDX-License-Identifier: GPL-3.0-or-later
"""The extra ``networks``: PyTorch and what belongs to it, which the default set-up leaves out.

The StyleHEAT engine, CUDA devices and the training of networks need it; all else runs without.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from bridge.errors import MissingHere

PACKAGES = ("torch==2.13.0", "safetensors==0.8.0")
"""As the extra ``networks`` in ``pyproject.toml`` pins them."""
BUTTON = "Add Networks (PyTorch)"
"""What the add-on calls the button that installs them."""


ADDON_VARIABLE = "HEAT_ADDON_ENVIRONMENT"
"""Set to 1 by the launcher of an environment that the add-on made."""


def are_here() -> bool:
    """Whether the packages are installed; none is imported, which takes seconds."""
    return all(find_spec(package.partition("==")[0]) for package in PACKAGES)


def made_by_addon() -> bool:
    """Whether this environment is the add-on's: there is no pip, its buttons install."""
    return os.environ.get(ADDON_VARIABLE) == "1"


def install_command() -> str:
    """Return the command that installs them for this very Python, or the button that does."""
    if made_by_addon():
        return f"{BUTTON} in the add-on's preferences"
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return f"{python} -m pip install {' '.join(PACKAGES)}"


def missing_line(what: str) -> str:
    """Say in a line that ``what`` needs the extra, and what brings it."""
    if made_by_addon():
        return f"{what} needs PyTorch, which is not installed: press {install_command()}"
    return (
        f"{what} needs PyTorch, which is not installed: in Blender press {BUTTON}, "
        f"elsewhere run {install_command()}"
    )


def require_networks(what: str) -> None:
    """Refuse what needs the extra where it is not here.

    Raises
    ------
    bridge.errors.MissingHere
        When one of the packages is not installed.
    """
    if not are_here():
        raise MissingHere(missing_line(what))
