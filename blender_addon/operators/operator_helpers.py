# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators have in common: error reports, reasons of disabled buttons, the portrait meant."""

import functools
from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import StringProperty

from .. import bridge
from ..data.portraits import active_portrait, find_portrait
from ..jobs import background_jobs

Method = Callable[[Any, Any], set[str]]


def report_errors(method: Method) -> Method:
    """Wrap `execute`: a HeatError or OSError is reported, and the operator cancels."""

    @functools.wraps(method)
    def wrapper(self: Any, context: Any) -> set[str]:  # Blender checks the number of arguments
        try:
            return method(self, context)
        except bridge.errors.HeatError as error:
            self.report({"ERROR"}, str(error))
        except OSError as error:
            self.report({"ERROR"}, background_jobs.os_error_line(error))
        return {"CANCELLED"}

    return wrapper


def check_replacing(operator: Any, name: str, exists: bool) -> None:
    """Refuse to save over what has that name unless the operator's `replace` is set.

    Raises
    ------
    BadInput
        It exists, and nobody has said that it may be replaced.
    """
    if exists and not operator.replace:
        raise bridge.errors.BadInput(
            f'"{name}" is there already: tick Replace, or choose another name'
        )


def allow(cls: Any, reason: str | None) -> bool:
    """Return whether an operator may run; show the reason on its disabled button otherwise."""
    if reason is None:
        return True
    cls.poll_message_set(reason)
    return False


def chosen_portrait(operator: Any, context: Any) -> Any:
    """Return the portrait named by `operator.portrait`, or the active one where that is empty.

    Raises
    ------
    UsageError
        There is no such portrait.
    """
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


class PortraitOperator:
    """Base of operators on a portrait, named by the property `portrait` or else the active one."""

    portrait: StringProperty(  # type: ignore[valid-type]
        name="Portrait", description="Name; empty for the active one"
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Return whether there is a portrait and `reason_against` gives no reason."""
        reason = no_portrait(context)
        # Without a window the portrait may be another than the active one, which execute checks.
        if reason is None and not bpy.app.background:
            reason = cls.reason_against(context.scene, active_portrait(context.scene))
        return allow(cls, reason)

    @classmethod
    def reason_against(cls, _scene: Any, _portrait: Any) -> str | None:
        """Return why the operator cannot run on this portrait now, or None."""
        return None

    def require(self, context: Any, portrait: Any) -> None:
        """Raise `UsageError` where `reason_against` gives a reason for this portrait."""
        reason = self.reason_against(context.scene, portrait)
        if reason is not None:
            raise bridge.errors.UsageError(reason)

    @report_errors
    def execute(self, context: Any) -> set[str]:
        """Find the portrait and run on it."""
        return self.run(context, chosen_portrait(self, context)) or {"FINISHED"}

    def run(self, _context: Any, _portrait: Any) -> set[str] | None:
        """Run on the portrait; return the operator's result, None for FINISHED."""
        raise NotImplementedError


class CancelOperator(PortraitOperator):
    """Base of operators that cancel a portrait's job.

    Attributes
    ----------
    kind : Kind
        The job's kind.
    idle : str
        Reason of the disabled button while there is no such job.
    """

    kind: background_jobs.Kind
    idle = ""

    @classmethod
    def reason_against(cls, _scene: Any, portrait: Any) -> str | None:
        """Only while the job is running."""
        return None if background_jobs.running(cls.kind, portrait.uid) else cls.idle

    def run(self, _context: Any, portrait: Any) -> None:
        """Cancel the job."""
        background_jobs.cancel(self.kind, portrait.uid)


class DialogOperator:
    """Base of operators whose button opens a dialog of their properties first."""

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the dialog."""
        return context.window_manager.invoke_props_dialog(self)


class FileBrowserOperator:
    """Base of operators whose button opens the file browser for their `filepath` first."""

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Open the file browser."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}
