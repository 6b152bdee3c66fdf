# SPDX-License-Identifier: GPL-3.0-or-later
"""The backend belongs to this Blender: started when needed, again when it dies, gone at its end."""

import sys

import pytest


def test_starts_when_needed_and_ends(addon, backend):
    from blender_addon.backend import choose

    assert backend.pid is None or backend.stop() is None
    owner = choose.ready()
    assert owner.status.state == "idle"
    with owner.client() as client:
        assert client.server["engine"] == "stand_in"
    assert owner.status.state == "running"
    first = owner.pid
    with owner.client():
        assert owner.pid == first
    owner.stop()
    assert owner.pid is None


def test_backend_that_keeps_on_dying_is_given_up(addon, tmp_path, monkeypatch):
    from blender_addon import bridge
    from blender_addon.backend import owner

    monkeypatch.setattr(owner, "FIRST_PAUSE", 0.001)
    kept = owner.BackendOwner()
    log = tmp_path / "log.txt"
    code = "import sys; print('error: the card is on fire', file=sys.stderr); sys.exit(4)"
    kept.use(owner.LocalBackend((sys.executable, "-c", code), {}, log))
    for _ in range(owner.MOST_STARTS):
        with pytest.raises(bridge.errors.MissingHere, match="the card is on fire"):
            kept.client()
    with pytest.raises(bridge.errors.MissingHere, match="keeps on stopping"):
        kept.client()
    assert kept.status.state == "failed"
    assert log.read_text().count("on fire") == owner.MOST_STARTS
    kept.close()


def test_remote_backend_is_attached_to_and_never_ended(addon, backend):
    from blender_addon.backend import choose, owner
    from blender_addon.data import preferences

    running = choose.ready()
    (host, port), secret = running.locate()
    other = owner.BackendOwner()
    other.use(owner.RemoteBackend(host, port, secret))
    with other.client() as client:
        assert client.server["engine"] == "stand_in"
    other.close()
    assert running.pid is not None
    assert secret not in repr(owner.RemoteBackend(host, port, secret))
    assert preferences.current().backend == "OWN"


def test_preferences_decide(addon, monkeypatch, tmp_path):
    from blender_addon import bridge
    from blender_addon.backend import choose, owner
    from blender_addon.data import preferences

    prefs = preferences.current()
    prefs.backend = "REMOTE"
    with pytest.raises(bridge.errors.MissingHere, match="address and secret"):
        choose.choice()
    prefs.host, prefs.secret = "render.example", "s" * 32
    assert choose.choice() == owner.RemoteBackend("render.example", 7653, "s" * 32)
    prefs.backend = "EXISTING"
    with pytest.raises(bridge.errors.MissingHere, match="Name the environment"):
        choose.choice()
    prefs.existing_python = str(tmp_path / "gone" / "python")
    with pytest.raises(bridge.errors.MissingHere, match="is not there"):
        choose.choice()
    prefs.existing_python = sys.executable
    assert choose.choice().command[0] == sys.executable
    prefs.backend = "OWN"
    with pytest.raises(bridge.errors.MissingHere, match="not set up yet"):
        choose.choice()
    monkeypatch.setenv("HEAT_BACKEND_PYTHON", sys.executable)
    assert choose.choice().command == (sys.executable, "-m", "heat_backend", "serve")
