# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a machine and the report that carries them."""

import json
import shutil
import socket
import sys
from pathlib import Path

import pytest

from bridge import checks, machine_checks
from bridge.checks import MISSING, OK, OPTIONAL, WARNING, Check, Report


def test_a_report_comes_back_from_between_other_lines() -> None:
    rows = (
        Check("numpy", OK, "2.4.6"),
        Check("Daten für Zoë", MISSING, "read-only", "chmod", checks.OPEN_FOLDER, "/Daten/zoë"),
    )
    text = f"a library speaks\n{checks.format_report(Report('0.2.0', rows))}\nand goes on\n"
    assert checks.parse_report(text) == Report("0.2.0", rows)
    assert checks.parse_report("no report\n[]\n{}") is None


def test_reports_of_other_versions_are_read() -> None:
    older = '{"ok": true, "checks": [{"name": "av", "state": "ok", "detail": "", "mend": ""}]}'
    assert checks.parse_report(older) == Report("", (Check("av", OK, ""),))
    row = {"name": "x", "state": "strange", "detail": "d", "colour": "red"}
    newer = json.dumps({"version": "9", "more": 1, "checks": [row, "no object"]})
    assert checks.parse_report(newer) == Report("9", (Check("x", WARNING, "d"),))


def test_an_older_reader_finds_its_fields() -> None:
    row = Check("torch", MISSING, "not installed", "pip install torch", checks.ADD_NETWORKS)
    values = json.loads(checks.format_report(Report("1", (row,))))
    assert values["ok"] is False
    told = {name: values["checks"][0][name] for name in ("name", "state", "detail", "mend")}
    assert told == {"name": "torch", "state": "missing", "detail": "not installed",
                    "mend": "pip install torch"}  # fmt: skip


def test_what_is_wrong_comes_first_and_is_reported() -> None:
    rows = [Check("a", OK, ""), Check("b", OPTIONAL, ""), Check("c", WARNING, "old"),
            Check("d", MISSING, "gone"), Check("e", OK, "")]  # fmt: skip
    assert [check.name for check in checks.worst_first(rows)] == list("dcbae")
    assert checks.first_complaint(Report("", tuple(rows))) == "d: gone"
    assert checks.first_complaint(Report("", tuple(rows[:3]))) == "c: old"
    assert checks.first_complaint(Report("", tuple(rows[:2]))) is None


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 10, 4), MISSING), ((3, 11, 0), OK), ((3, 14, 2), OK), ((3, 15, 0), MISSING)],
)
def test_pythons(version: tuple[int, int, int], state: str) -> None:
    check = machine_checks.check_python(version)
    assert check.state == state
    assert state == OK or "3.11 to 3.14" in check.detail


def test_a_sound_machine(tmp_path: Path) -> None:
    assert machine_checks.check_certificates().state == OK
    assert machine_checks.check_loopback().state == OK
    check = machine_checks.check_folder("cache", tmp_path / "not" / "made yet", 0.0)
    assert (check.state, check.place) == (OK, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_python_without_ssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssl", None)
    check = machine_checks.check_certificates()
    assert check.state == WARNING
    assert "wheels" in check.mend


def test_a_refused_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    check = machine_checks.check_loopback()
    assert (check.state, check.remedy) == (MISSING, checks.CHECK_AGAIN)
    assert "Connection refused" in check.detail
    assert "firewall" in check.mend


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    check = machine_checks.check_folder("cache", tmp_path / "a file")
    assert (check.state, check.remedy) == (MISSING, checks.OPEN_FOLDER)
    assert str(tmp_path) in check.detail


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 2e8})
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    check = machine_checks.check_folder("cache", tmp_path, 1.5)
    assert (check.state, check.remedy) == (WARNING, checks.OPEN_FOLDER)
    assert "0.2 GB free, 1.5 GB should be" in check.detail
