# SPDX-License-Identifier: GPL-3.0-or-later
"""One fetch or check of the weights: what its lines of progress say.

No bpy here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..backend import command_run
from ..backend.command_run import CANCELLED, DONE, FAILED, RUNNING
from ..backend.command_run import CommandStatus as WeightsStatus

__all__ = ["CANCELLED", "DONE", "FAILED", "RUNNING", "WeightsRun", "WeightsStatus", "advanced"]


class WeightsRun(command_run.CommandRun):
    """A fetch or check under way; see `CommandRun`. `finished`: what to say when it went well."""

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], finished: str
    ) -> None:
        stopped = "Stopped; what was fetched is kept, the next fetch goes on there"
        super().__init__(command, environment, command_run.Words(finished, stopped), advanced)


def advanced(before: WeightsStatus, line: str) -> WeightsStatus:
    """Return the status after one more line of the command."""
    try:
        told: Any = json.loads(line)
        if told["step"] != "file":
            return before
        done, total, what = int(told["done"]), int(told["total"]), str(told["what"])
    except (ValueError, KeyError, TypeError):
        return before
    size = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total >= 0 else f"{done / 1e6:,.0f} MB"
    fraction = min(1.0, done / total) if total > 0 else 0.0
    text = f"{what[:1].upper()}{what[1:]}: {size}"
    return replace(before, fraction=fraction, text=text)
