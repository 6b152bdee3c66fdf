# SPDX-License-Identifier: GPL-3.0-or-later
"""``heat serve``: the backend that Blender's add-on talks to."""

from __future__ import annotations

import argparse

from bridge.errors import UsageError
from heat_backend.cli import options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: this machine only, %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on (default: any free one)"
    )
    options.add_engine_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: give a number from 0 to 65535")
    from heat_backend.serve.run import serve

    return serve(args.host, args.port, args.engine, args.device)
