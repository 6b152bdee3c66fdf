# SPDX-License-Identifier: GPL-3.0-or-later
"""Heat: a keyframed face rig performs a single portrait photo.

`bridge` is this package's neighbour in a checkout and a sub-package of it in the packed
extension. The rest of the add-on always says `from .. import bridge` and need not know which.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import bridge as bridge


def is_packed() -> bool:
    """Whether this is the packed extension (bridge inside) rather than a source checkout."""
    return importlib.util.find_spec(".bridge", __package__) is not None


def _import_bridge() -> ModuleType:
    if is_packed():
        return importlib.import_module(".bridge", __package__)
    return importlib.import_module("bridge")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        # Bound on first use: bridge imports numpy, which a start of Blender should not wait for.
        if name == "bridge":
            module = _import_bridge()
            globals()["bridge"] = module
            return module
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def register() -> None:
    """Register every part of the add-on with Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take every part of the add-on out of Blender again."""
    from . import registration

    registration.unregister()
