# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge of every operator: expected failures become a message, never a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..data.lookup import active_portrait, find_portrait

Execute = Callable[[Any, Any], set[str]]


def told(method: Execute) -> Execute:
    """Wrap `execute` or `invoke`: a `HeatError` is reported as an error and cancels."""

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> set[str]:
        from .. import bridge

        try:
            return method(self, context)
        except bridge.errors.HeatError as error:
            self.report({"ERROR"}, str(error))
        except OSError as error:
            self.report(
                {"ERROR"}, f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")
            )
        return {"CANCELLED"}

    return wrapper


def allow(cls: Any, reason: str | None) -> bool:
    """Return whether an operator may run; otherwise let its disabled button say why not."""
    if reason is None:
        return True
    cls.poll_message_set(reason)
    return False


def chosen_portrait(operator: Any, context: Any) -> Any:
    """Return the portrait an operator works on: the one named by `operator.portrait`, or active.

    Raises
    ------
    UsageError
        There is no such portrait.
    """
    from .. import bridge

    name = getattr(operator, "portrait", "")
    portraits = context.scene.heat.portraits
    if name:
        found = find_portrait(context.scene, name) or portraits.get(name)
        if found is None:
            raise bridge.errors.UsageError(f'There is no portrait "{name}" in this scene')
        return found
    found = active_portrait(context.scene)
    if found is None:
        raise bridge.errors.UsageError("Add a portrait first")
    return found


def no_portrait(context: Any) -> str | None:
    """Return why an operator that needs a portrait cannot run, or None."""
    if getattr(context.scene, "heat", None) is None:
        return "Heat did not load completely"
    if active_portrait(context.scene) is None:
        return "Add a portrait first"
    return None
