# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend as a server: previews and exports over the bridge."""

from heat_backend.serve.run import serve
from heat_backend.serve.server import Server

__all__ = ["Server", "serve"]
