# SPDX-License-Identifier: GPL-3.0-or-later
"""Where packages come from: the user's own settings of pip, of which only some may count.

Index, proxy and certificates are the user's to choose. Settings that would put packages elsewhere
or take other versions (target, user, prefix, constraint, ...) are left out. No bpy here.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

_DEFAULT_INDEX = "the Python Package Index"
# pip's options by their long names. https://pip.pypa.io/en/stable/topics/configuration/
_ALLOWED = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "proxy",
    "cert",
    "client-cert",
    "timeout",
    "default-timeout",
    "retries",
    "keyring-provider",
)
_LINE = re.compile(r"^([A-Za-z-]+|:env:)\.([a-z0-9-]+)=(.*)$")
# Later sections win, as in pip: the command's own over the general one, variables over files.
_SECTIONS = ("global", "install", "download", ":env:")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class PackageSource:
    """The user's settings that count.

    Attributes
    ----------
    settings : dict
        Of pip, by the options' names, such as {"index-url": "https://..."}.
    left_out : tuple of str
        Names of settings that were found and do not count.
    """

    settings: Mapping[str, str]
    left_out: tuple[str, ...] = ()

    @property
    def names_an_index(self) -> bool:
        """Whether the user has said where packages are."""
        return any(self.settings.get(n) for n in ("index-url", "extra-index-url", "find-links"))

    def variables(self, base: Mapping[str, str], *, extra_index: str = "") -> dict[str, str]:
        """Return all variables for a run of pip that obeys these settings and no others.

        Parameters
        ----------
        base : mapping
            Variables of this process, of which those for pip and Python are dropped.
        extra_index : str
            A further index, for PyTorch's builds.
        """
        kept = {
            name: value
            for name, value in base.items()
            if not name.upper().startswith(("PIP_", "PYTHON"))
            and name not in {"VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
        }
        settings = {"retries": "2", **self.settings}
        if extra_index:
            settings["extra-index-url"] = f"{settings.get('extra-index-url', '')} {extra_index}"
        for name, value in settings.items():
            kept["PIP_" + name.upper().replace("-", "_")] = value.strip()
        kept["PIP_CONFIG_FILE"] = os.devnull  # no file is read any more: what counts is here
        kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        kept["PIP_NO_INPUT"] = "1"
        kept["PIP_ROOT_USER_ACTION"] = "ignore"
        kept["PIP_NO_COLOR"] = "1"
        kept["PYTHONUTF8"] = "1"
        return kept

    def lines(self, base: Mapping[str, str]) -> list[str]:
        """Return in words where packages come from; passwords are hidden."""
        index = self.settings.get("index-url", "").strip()
        places = [index] if index else [_DEFAULT_INDEX]
        if self.settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
            places = []
        places += self.settings.get("extra-index-url", "").split()
        places += self.settings.get("find-links", "").split()
        rows = [f"Packages come from {', '.join(map(hidden, places)) or 'nowhere'}"]
        proxy = (
            self.settings.get("proxy")
            or _variable(base, "HTTPS_PROXY")
            or _variable(base, "ALL_PROXY")
        )
        if proxy:
            rows.append(f"Through the proxy {hidden(proxy)}")
        certificates = self.settings.get("cert") or next(
            (base[name] for name in _CERTIFICATES if base.get(name)), ""
        )
        if certificates:
            rows.append(f"Certificates: {certificates}")
        if self.left_out:
            rows.append(f"Settings of pip that do not count here: {', '.join(self.left_out)}")
        return rows


def read(listing: str) -> PackageSource:
    """Return the settings in the output of ``pip config list``."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    left_out: list[str] = []
    for line in listing.splitlines():
        match = _LINE.match(line.strip())
        if not match or match[1] not in found:
            continue
        try:
            value = str(ast.literal_eval(match[3]))
        except (ValueError, SyntaxError):
            value = match[3]
        if match[2] in _ALLOWED:
            found[match[1]][match[2]] = " ".join(value.split())
        elif match[2] in _LEADING_ASTRAY:
            left_out.append(match[2])
    merged: dict[str, str] = {}
    for section in _SECTIONS:
        merged |= found[section]
    return PackageSource(
        {name: value for name, value in merged.items() if value}, tuple(dict.fromkeys(left_out))
    )


# Told when found, as their owner may wonder; all else that is not allowed is left out silently.
_LEADING_ASTRAY = frozenset({
    "target", "user", "prefix", "root", "constraint", "requirement", "require-virtualenv",
    "python", "no-binary", "src", "build-constraint", "break-system-packages", "editable",
    "upgrade", "pre", "platform", "python-version", "abi", "implementation", "no-deps",
})  # fmt: skip


def hidden(address: str) -> str:
    """Return an address without the password, or the token, in it."""
    return re.sub(r"//[^/@\s]+@", "//****@", address)


def _variable(base: Mapping[str, str], name: str) -> str:
    return base.get(name) or base.get(name.lower()) or ""
