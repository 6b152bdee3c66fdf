# SPDX-License-Identifier: GPL-3.0-or-later
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.client import Client
from bridge.errors import BackendLost, MissingHere
from bridge.frames import NAME_START, ring_folder
from bridge.launch import BackendProcess
from bridge.preview import LivePreview
from tests.serve.conftest import BACKEND, SECRET, jaw, portrait, until

pytestmark = pytest.mark.slow

ROOT = BACKEND.parents[2]
posix_only = pytest.mark.skipif(os.name != "posix", reason="kills processes the POSIX way")


def run_backend(*args, **env):
    """Run a backend that is expected to end by itself."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEAT_")} | env
    return subprocess.run(
        [sys.executable, str(BACKEND), *args],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        stdin=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def running(stdin=subprocess.PIPE, **env):
    """Run a backend, by hand as it were; it is killed at the end if it still runs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEAT_")} | env
    process = subprocess.Popen(
        [sys.executable, str(BACKEND)],
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        # A killed process may wait for its parent to take note of it.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return True


def test_the_first_line_says_where_and_who():
    with running(HEAT_SECRET=SECRET, HEAT_PARENT_PIPE="1") as (process, said):
        assert set(said) == {"host", "port", "pid", "protocol"}
        assert said["host"] == "127.0.0.1"
        assert said["pid"] == process.pid
        assert said["protocol"] == 1
        with Client((said["host"], said["port"]), SECRET) as client:
            assert client.server["engine"] == "stand_in"
            client.prepare(portrait())
        out, log = process.communicate(timeout=5)  # closes its standard input
        assert process.returncode == 0
    assert out == ""
    assert SECRET not in log
    assert "a portrait" not in log
    assert "Traceback" not in log


def test_the_secret_is_not_on_the_command_line_nor_passed_on(backends):
    backend = backends()
    if Path("/proc").is_dir():
        assert backend.secret.encode() not in Path(f"/proc/{backend.pid}/cmdline").read_bytes()
    with Client(backend.address, backend.secret) as client:
        client.prepare(portrait())
    assert backend.secret not in backend.log_path.read_text()


def test_a_secret_file_must_be_the_owners_only(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET)
    if os.name == "posix":
        file.chmod(0o644)
        done = run_backend(HEAT_SECRET_FILE=str(file))
        assert done.returncode == 3
        assert done.stderr.strip().splitlines()[-1].startswith("error: ")
        assert "chmod 600" in done.stderr
    file.chmod(0o600)
    with running(HEAT_SECRET_FILE=str(file)) as (_, said):
        Client((said["host"], said["port"]), SECRET).connect().close()


@posix_only
def test_without_a_secret_one_is_made_for_the_user_alone(tmp_path):
    own = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    with running(stdin=subprocess.DEVNULL, **own) as (process, said):
        file = next(tmp_path.rglob("secret"))
        assert file.stat().st_mode & 0o077 == 0
        Client((said["host"], said["port"]), file.read_text()).connect().close()
        assert process.poll() is None  # no parent's pipe: it goes on until told


@posix_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_whenever_it_comes(number):
    with running(HEAT_SECRET=SECRET) as (process, said):
        with Client((said["host"], said["port"]), SECRET) as client:
            client.prepare(portrait())
        process.send_signal(number)
        _, log = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in log


@posix_only
def test_a_signal_just_after_the_first_line_ends_it_cleanly():
    with running(HEAT_SECRET=SECRET) as (process, _):
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0


def test_bad_starts_are_one_line_and_the_right_status():
    short = run_backend(HEAT_SECRET="short")
    assert short.returncode == 2
    assert short.stderr.startswith("error: ")
    no_port = run_backend("99999", HEAT_SECRET=SECRET)
    assert no_port.returncode == 2
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = run_backend(str(other.getsockname()[1]), HEAT_SECRET=SECRET)
    assert taken.returncode == 4
    assert "cannot listen" in taken.stderr
    for done in (short, no_port, taken):
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


PARENT = """
import os, sys, time
from bridge.launch import BackendProcess
backend = BackendProcess.start(sys.argv[1:3], {}, sys.argv[3])
if sys.argv[4] == "pipe passed on":
    # Someone else holds the parent's end of the pipe open: only the parent's id tells.
    sleeper = os.fork()
    if sleeper == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        time.sleep(60)
        os._exit(0)
    print(sleeper, flush=True)
else:
    print(0, flush=True)
print(backend.pid, flush=True)
time.sleep(60)
"""


@posix_only
@pytest.mark.parametrize("how", ["plain", "pipe passed on"])
def test_a_backend_whose_parent_is_killed_ends_within_five_seconds(tmp_path, how):
    command = [sys.executable, "-c", PARENT, sys.executable, str(BACKEND)]
    with subprocess.Popen(
        [*command, str(tmp_path / "log"), how], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        sleeper, backend = int(parent.stdout.readline()), int(parent.stdout.readline())
        try:
            assert lives(backend)
            parent.kill()
            parent.wait()
            until(lambda: not lives(backend), 5.0)
        finally:
            if sleeper:
                os.kill(sleeper, signal.SIGKILL)


@posix_only
def test_a_killed_backend_leaves_no_shared_memory(backends):
    backend = backends()
    client = Client(backend.address, backend.secret).connect()
    client.prepare(portrait())
    frame = client.render(jaw(0.2))
    assert frame.shared
    os.kill(backend.pid, signal.SIGKILL)
    until(lambda: not backend.alive())
    assert not list(ring_folder().glob(f"{NAME_START}{backend.pid}-*"))
    assert frame.pixels.any()  # what was received stays readable
    client.close()


@posix_only
def test_a_killed_client_leaves_no_shared_memory(server, tmp_path):
    code = (
        "import os, signal, sys\nfrom bridge.client import Client\n"
        "from tests.serve.conftest import portrait, jaw\n"
        f"client = Client(('127.0.0.1', {server.address[1]}), {SECRET!r}).connect()\n"
        "client.prepare(portrait())\nassert client.render(jaw(0.1)).shared\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, timeout=60, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    until(lambda: server.client_count == 0)
    assert not list(ring_folder().glob(f"{NAME_START}{os.getpid()}-*"))


@posix_only
def test_a_client_finds_a_restarted_backend_and_prepares_again(backends):
    running = [backends()]
    client = Client(
        ("127.0.0.1", 1), "x" * 16, locate=lambda: (running[-1].address, running[-1].secret)
    )
    client.connect()
    client.prepare(portrait())
    before = client.render(jaw(0.3)).pixels.copy()
    os.kill(running[0].pid, signal.SIGKILL)
    running.append(backends())
    again = client.render(jaw(0.3)).pixels
    assert (again == before).all()
    client.close()


@posix_only
def test_a_live_preview_comes_back_with_the_last_pose(backends):
    running = [backends()]
    preview = LivePreview(lambda: Client(running[-1].address, running[-1].secret), portrait())
    preview.send(jaw(0.1))
    until(preview.take)
    os.kill(running[0].pid, signal.SIGKILL)
    until(lambda: preview.state == "lost")
    assert preview.error
    preview.send(jaw(0.2))  # while nobody is there
    running.append(backends())
    frame = until(preview.take)
    with Client(running[-1].address, running[-1].secret) as client:
        client.prepare(portrait())
        assert (client.render(jaw(0.2)).pixels == frame.pixels).all()
    assert preview.state == "live"
    assert preview.error is None
    assert preview.counts.reconnects >= 1
    preview.stop(5)


def test_a_preview_with_a_wrong_secret_fails_once_and_for_all(server):
    preview = LivePreview(lambda: Client(server.address, "quite another secret"), portrait())
    until(lambda: preview.state == "failed")
    assert "secret" in preview.error
    until(lambda: not preview.alive)


def test_a_program_that_fails_to_start_is_reported_with_its_last_words(tmp_path):
    code = "import sys; print('error: torch is missing', file=sys.stderr); sys.exit(4)"
    with pytest.raises(MissingHere, match="torch is missing"):
        BackendProcess.start([sys.executable, "-c", code], {}, tmp_path / "log")
    with pytest.raises(MissingHere, match="cannot start"):
        BackendProcess.start([str(tmp_path / "no such program")], {}, tmp_path / "log")
    with pytest.raises(MissingHere, match="log"):
        BackendProcess.start([sys.executable], {}, tmp_path / "no folder" / "log")


def test_a_program_that_says_nothing_is_not_waited_for_for_ever(tmp_path):
    backend = BackendProcess.spawn(
        [sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path / "log"
    )
    assert not backend.ready
    with pytest.raises(BackendLost, match="still starting"):
        backend.wait_ready(0.1)
    backend.stop(0.2)
    assert not backend.alive()


def test_stop_ends_a_backend_cleanly(backends):
    backend = backends()
    assert backend.ready
    backend.stop()
    assert not backend.alive()
    assert backend.exit_status() == 0


def test_spawn_does_not_wait(tmp_path):
    code = "import sys; sys.stdin.read(); print('{}')"  # says nothing before we are done here
    backend = BackendProcess.spawn([sys.executable, "-c", code], {}, tmp_path / "log")
    assert backend.alive()
    assert not backend.ready
    backend.stop()
