# SPDX-License-Identifier: GPL-3.0-or-later
"""An extension with a tiny backend, and a package index on this machine that can misbehave."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
import zipfile
from collections.abc import Iterable
from pathlib import Path

DOCTOR = """
import json, os, sys
import heat_dependency, heat_other
if sys.argv[1:] == ["doctor", "--json"]:
    print(json.dumps({"ok": True, "checks": [{"name": "all", "state": "ok", "detail": ""}]}))
elif sys.argv[1:] == ["describe"]:
    print(json.dumps({"path": sys.path, "here": heat_dependency.__file__, "argv": sys.argv,
                      "flags": [sys.flags.isolated, sys.flags.no_site],
                      "variables": {k: v for k, v in os.environ.items() if k[:6] == "PYTHON"}}))
"""


def make_wheel(
    folder: Path, name: str, version: str, files: dict[str, str], needs: Iterable[str] = ()
) -> Path:
    """Write a wheel of pure Python files."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
    contents = {
        **files,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    contents[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return wheel


def make_backend(folder: Path, version: str = "9.9", doctor: str = DOCTOR) -> Path:
    """Write a wheel of a backend that answers `doctor --json`."""
    files = {"heat_backend/__init__.py": "", "heat_backend/__main__.py": doctor}
    for old in folder.glob("heat-*.whl"):
        old.unlink()
    needs = ["heat-dependency==1.0", 'heat-network==3.0 ; extra == "networks"']
    return make_wheel(folder, "heat", version, files, needs)


def write_lock(addon: Path, wheels: Iterable[Path]) -> None:
    """Write the lock of some wheels, and their sizes."""
    (addon / "locks").mkdir(parents=True, exist_ok=True)
    lines, sizes = [], {}
    for wheel in wheels:
        name, version = wheel.name.split("-")[:2]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{name.replace('_', '-')}=={version} \\\n    --hash=sha256:{digest}\n")
        sizes[name.replace("_", "-")] = wheel.stat().st_size
    (addon / "locks" / "default.txt").write_text("".join(lines), "utf-8")
    table = {"linux-x86_64": {"3.11": sizes}}
    (addon / "locks" / "sizes.json").write_text(json.dumps(table), "utf-8")


class Index:
    """A package index (PEP 503) on this machine.

    Attributes
    ----------
    lacks : set of str
        Packages whose page lists nothing.
    cut : set of str
        Wheels' packages whose transfer breaks off half way.
    altered : set of str
        Wheels' packages that arrive with other contents.
    html : bool
        Whether all is answered by a log-in page.
    asked : list of str
        Paths that were asked for; as a proxy, whole addresses.
    """

    def __init__(self, wheels: Path) -> None:
        self.wheels = wheels
        self.lacks: set[str] = set()
        self.cut: set[str] = set()
        self.altered: set[str] = set()
        self.html = False
        self.asked: list[str] = []
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                index.answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = "{}:{}".format(*self._server.server_address[:2])
        self.url = f"http://{self.host}/simple"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop serving: connections are refused from now on."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, to: http.server.BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        path = to.path.split("://", 1)[-1]
        path = path if path.startswith("/") else "/" + path.partition("/")[2]
        name = path.rstrip("/").rpartition("/")[2]
        if self.html:
            _send(to, b"<html><body>Please log in</body></html>", "text/html")
        elif path.startswith("/simple/"):
            wheels = self.wheels.glob(f"{name.replace('-', '_')}-*.whl")
            links = (
                ""
                if name in self.lacks
                else "".join(f'<a href="/files/{wheel.name}">{wheel.name}</a>' for wheel in wheels)
            )
            _send(to, f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), "text/html")
        else:
            data = (self.wheels / name).read_bytes()
            package = name.split("-")[0].replace("_", "-")
            if package in self.altered:
                data = data[::-1]
            _send(to, data, "application/zip", cut=package in self.cut)


def _send(
    to: http.server.BaseHTTPRequestHandler, data: bytes, kind: str, cut: bool = False
) -> None:
    to.send_response(200)
    to.send_header("Content-Type", kind)
    to.send_header("Content-Length", str(len(data)))
    to.end_headers()
    to.wfile.write(data[: len(data) // 2] if cut else data)
    to.close_connection = True
