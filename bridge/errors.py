# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that a user can act on, each with the exit status of the command line.

A ``HeatError`` holds one plain line that says what to do. It is raised where the cause is known
and turned into a message at the edge (command line, operator, wire); everything else is a bug.
"""

# ruff: noqa: N818  (the names say what is wrong; "Error" would add nothing)

from __future__ import annotations


class HeatError(Exception):
    """An expected failure; ``str()`` of it is one line for the user."""

    exit_code = 1
    code = "failed"
    """Name under which the error travels over the wire (see PROTOCOL.md)."""


class UsageError(HeatError):
    """The caller asked in a way that cannot be understood (unknown engine, bad range)."""

    exit_code = 2
    code = "usage"


class BadInput(HeatError):
    """A file or value given by the user cannot be used (no face, NaN, truncated file)."""

    exit_code = 3
    code = "bad_input"


class MissingHere(HeatError):
    """Something is missing on this machine (weights, a device, a package)."""

    exit_code = 4
    code = "missing"


class ProtocolError(HeatError):
    """The other end of the bridge sent something that the protocol does not allow."""

    exit_code = 3
    code = "protocol"


class SecretRefused(ProtocolError):
    """One end of the bridge could not prove that it knows the session's secret."""

    code = "refused"


class VersionMismatch(ProtocolError):
    """The two ends of the bridge speak different versions of the protocol."""

    code = "version"


class UnknownJob(HeatError):
    """The backend does not know the export job, most often because it was restarted."""

    exit_code = 3
    code = "unknown_job"


class BackendLost(HeatError):
    """The connection to the backend broke, or nothing answers at its address."""

    exit_code = 4
    code = "lost"


class Cancelled(HeatError):
    """The user stopped the work."""

    exit_code = 130
    code = "cancelled"


_CLASSES: tuple[type[HeatError], ...] = (
    HeatError,
    UsageError,
    BadInput,
    MissingHere,
    ProtocolError,
    SecretRefused,
    VersionMismatch,
    UnknownJob,
    BackendLost,
    Cancelled,
)
_BY_CODE = {cls.code: cls for cls in _CLASSES}


def error_from_code(code: str, text: str) -> HeatError:
    """Rebuild the error that the other end sent.

    Parameters
    ----------
    code : str
        The ``code`` of one of the classes above; an unknown one gives a plain ``HeatError``.
    text : str
        The line for the user.

    Returns
    -------
    HeatError
        Ready to be raised.
    """
    return _BY_CODE.get(code, HeatError)(text)
