# SPDX-License-Identifier: GPL-3.0-or-later
"""A small web server of one folder that can resume, break off, refuse, or answer nonsense."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class FileServer:
    """What it serves and how; change it between requests."""

    folder: Path
    address: str = ""
    cut_at: float = 0.0
    """Break off after this share of the whole file, 0 for never."""
    cuts_left: int = 1_000_000
    ranges: bool = True
    status: int = 200
    page: bool = False
    version: str = '"1"'
    asked: list[str] = field(default_factory=list)
    """``NAME`` or ``NAME from N`` of each request."""


@contextmanager
def served(folder: Path) -> Iterator[FileServer]:
    """Serve a folder on a free port of this machine."""
    state = FileServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, state)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(request: BaseHTTPRequestHandler, state: FileServer) -> None:
    path = state.folder / request.path.rpartition("/")[2]
    start = _start(request, state)
    state.asked.append(path.name + (f" from {start}" if start else ""))
    if state.status != 200 or not path.is_file():
        request.send_error(state.status if state.status != 200 else 404)
        return
    data = b"<html>log in first</html>" if state.page else path.read_bytes()
    request.send_response(206 if start else 200)
    request.send_header("Content-Type", "text/html" if state.page else "application/octet-stream")
    request.send_header("Content-Length", str(len(data) - start))
    request.send_header("ETag", state.version)
    if start:
        request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    request.end_headers()
    end = len(data)
    if state.cut_at and state.cuts_left > 0:
        state.cuts_left -= 1
        end = max(start, int(len(data) * state.cut_at))
    request.wfile.write(data[start:end])
    request.close_connection = True


def _start(request: BaseHTTPRequestHandler, state: FileServer) -> int:
    wanted = request.headers.get("Range", "")
    same = request.headers.get("If-Range", state.version) == state.version
    if not (state.ranges and same and wanted.startswith("bytes=")):
        return 0
    return int(wanted.removeprefix("bytes=").rstrip("-"))
