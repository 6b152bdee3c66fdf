# SPDX-License-Identifier: GPL-3.0-or-later
"""What argparse says about wrong usage, in plain words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

_PLAIN = (
    (
        r"argument COMMAND: invalid choice: (.+?) \(choose from (.+)\)",
        r"there is no command {0}: choose one of {1}",
    ),
    (r"argument (\S+): invalid choice: (.+?) \(choose from (.+)\)", r"{0} {1}: choose one of {2}"),
    (r"argument (\S+): invalid int value: (.*)", r"{0} {1}: give a whole number"),
    (r"argument (\S+): expected one argument", r"{0}: its value is missing"),
    (r"argument (\S+): ignored explicit argument (.*)", r"{0} takes no value, but {1} was given"),
    (r"argument (\S+): (.*)", r"{0}: {1}"),
    (r"the following arguments are required: (.*)", r"missing, and needed: {0}"),
    (r"unrecognized arguments: (.*)", r"not understood: {0}"),
    (r"ambiguous option: (\S+) could match (.*)", r"{0} may mean one of {1}: write it out"),
)


def unknown_option(given: Sequence[str], known: Iterable[str]) -> str | None:
    """Say which of the arguments looks like an option but is none, and what it may mean.

    Parameters
    ----------
    given : sequence of str
        The arguments of one command.
    known : iterable of str
        Its options, such as ``--out``; one may be shortened.

    Returns
    -------
    str or None
        None when all are known.
    """
    options = sorted(known)
    for text in given:
        name = text.partition("=")[0]
        if name == "--":
            return None
        if name.startswith("--") and not any(option.startswith(name) for option in options):
            near = difflib.get_close_matches(name, options, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            return f"there is no option {name}{hint}"
    return None


def plain_usage(message: str) -> str:
    """Put a message of argparse into words for a user; unknown ones stay as they are."""
    for pattern, words in _PLAIN:
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found is not None:
            return words.format(*(group.replace("'", "") for group in found.groups()))
    return message
