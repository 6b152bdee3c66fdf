# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own folders by the habit of the system (XDG variables on Linux), not made here."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_NAME = "heat"


def cache_folder() -> Path:
    """Return where what can be made anew is kept."""
    return platformdirs.user_cache_path(_NAME, appauthor=False)


def data_folder() -> Path:
    """Return where what was fetched for good is kept."""
    return platformdirs.user_data_path(_NAME, appauthor=False)


def config_folder() -> Path:
    """Return where settings are kept."""
    return platformdirs.user_config_path(_NAME, appauthor=False, roaming=True)
