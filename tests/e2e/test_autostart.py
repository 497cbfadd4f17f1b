"""`Client.connect(autostart=True)`: one daemon for all who ask, which belongs to none of them."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from support.daemon_process import Home, leads_elsewhere, listens, new_home, running_daemon
from support.raw_connection import RawConnection
from workspaced_client import Client, NotRunning, NotStarted
from workspaced_client.aio import AsyncClient
from workspaced_protocol.datadir import LOCK_HELD

AT_ONCE = 50

# Each child connects when all are there, tells the pid of the daemon that it found, and ends.
APPS = """
import os, sys
from workspaced_client import Client
import workspaced_client._core.autostart

go, tell = os.pipe(), os.pipe()
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.close(go[1])
        os.read(go[0], 1)
        try:
            with Client.connect(autostart=True, timeout_seconds=30) as client:
                name = f"made by {os.getpid()}"
                client.workspaces.create(name, "/srv")
                os.write(tell[1], f"{client.daemon.status().pid}\\n".encode())
        except BaseException as error:
            os.write(tell[1], f"{error!r}\\n".encode())
        os._exit(0)
os.close(go[0]), os.close(go[1]), os.close(tell[1])
sys.stdout.write(os.fdopen(tell[0]).read())
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A user's home where no daemon runs; one that was started there is ended."""
    with new_home() as home:
        for name in os.environ:
            if leads_elsewhere(name):
                monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(home.root))
        monkeypatch.setenv("WORKSPACED_SOCKET", str(home.socket))
        monkeypatch.setenv("WORKSPACED_DATA_DIR", str(home.data_dir))
        yield home
        if listens(home.socket):
            end(home)


def end(home: Home, number: signal.Signals = signal.SIGTERM) -> None:
    """End the daemon, and wait until it is gone: it is no child of this process."""
    with RawConnection(home.socket) as connection:
        os.kill(connection.call("daemon.status")["pid"], number)
        with pytest.raises(EOFError):
            connection.receive()


def test_fifty_processes_at_once_are_served_by_one_daemon(home: Home) -> None:
    told = subprocess.run(
        [sys.executable, "-c", APPS, str(AT_ONCE)], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert len(told) == AT_ONCE
    assert len(set(told)) == 1, told
    with Client.connect() as client:
        assert client.daemon.status().pid == int(told[0])
        assert client.daemon.status().workspaces == AT_ONCE
    assert len(list(Path(home.root).rglob("daemon.log"))) == 1
    log = next(home.root.rglob("daemon.log")).read_text()
    assert log.count("keeps its data in") == 1
    assert log.count("workspaced: ") == 0  # nor was a second one turned away


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="looks at the process in /proc, which macOS lacks"
)
def test_it_is_detached_from_the_one_that_started_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("APP_TOKEN", "secret")
    monkeypatch.setenv("https_proxy", "http://proxy:1")  # git clones through it
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "debug")
    monkeypatch.chdir(tmp_path)
    with Client.connect(autostart=True) as client:
        process = Path("/proc", str(client.daemon.status().pid))
    environment = (process / "environ").read_bytes().decode().split("\0")
    assert "APP_TOKEN=secret" not in environment
    assert {"WORKSPACED_LOG_LEVEL=debug", "https_proxy=http://proxy:1"} <= set(environment)
    assert f"HOME={home.root}" in environment
    assert os.readlink(process / "cwd") == "/"
    masks = [
        (each / "status").read_text().partition("Umask:")[2].split()[0]
        for each in (process, Path("/proc/self"))
    ]
    assert masks[0] == masks[1]  # clones get the modes that the user's own would have
    parent, _, session, terminal = (process / "stat").read_text().rpartition(")")[2].split()[1:5]
    assert int(parent) != os.getpid()
    assert int(session) != os.getsid(0)
    assert int(terminal) == 0
    assert {os.readlink(process / "fd" / number) for number in "012"} <= {
        "/dev/null",
        *map(str, home.root.rglob("daemon.log")),
    }


def test_one_that_runs_is_used(home: Home) -> None:
    with running_daemon(home) as daemon, Client.connect(autostart=True) as client:
        assert client.daemon.status().pid == daemon.pid
    assert list(home.root.rglob("daemon.log")) == []


def test_without_it_nothing_is_started(home: Home) -> None:
    with pytest.raises(NotRunning) as refused:
        Client.connect()
    assert not isinstance(refused.value, NotStarted)
    assert not home.socket.exists()


async def test_the_async_client_starts_it_too(home: Home) -> None:
    async with AsyncClient.connect(autostart=True) as client:
        made = await client.workspaces.create("Kept", "/srv")
        await trio.to_thread.run_sync(end, home, signal.SIGKILL)
        assert await client.workspaces.list() == [made]  # and again where it has gone


def test_after_a_crash_it_is_started_again_with_what_was_answered(home: Home) -> None:
    with Client.connect(autostart=True) as client:
        made = client.workspaces.create("Kept", "/srv")
        end(home, signal.SIGKILL)
        assert client.workspaces.get(made.id) == made
    end(home, signal.SIGKILL)
    with Client.connect(autostart=True) as client:
        assert client.workspaces.get(made.id) == made


def test_one_that_can_not_be_started_again_is_told_at_once(home: Home) -> None:
    began_at = time.monotonic()
    with Client.connect(autostart=True, timeout_seconds=20) as client:
        client.workspaces.create("Kept", "/srv")
        end(home)
        shutil.rmtree(home.data_dir)
        home.data_dir.write_text("no directory")
        with pytest.raises(NotStarted, match=str(home.data_dir)):
            client.workspaces.list()
        assert time.monotonic() - began_at < 15
        home.data_dir.unlink()
        assert client.workspaces.list() == []


def failure() -> str:
    with pytest.raises(NotStarted) as refused:
        Client.connect(autostart=True, timeout_seconds=20)
    return str(refused.value)


def test_a_daemon_that_can_not_start_is_told_at_once_with_its_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.data_dir.write_text("no directory")
    began_at = time.monotonic()
    told = failure()
    assert time.monotonic() - began_at < 15  # and not when the time is over
    assert str(home.data_dir) in told
    assert "daemon.log" in told
    home.data_dir.unlink()
    monkeypatch.setenv("WORKSPACED_LOG_LEVEL", "loud")
    assert "debug, info, warning or error" in failure()


def test_a_program_that_is_not_there_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    monkeypatch.setenv("PATH", "/no/such")
    assert "no program `workspaced`" in failure()
    assert not home.socket.exists()


def test_where_another_program_was_faster_its_daemon_is_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It does what a race does: its own daemon ends, because another one owns the data directory and comes up.
    loser = tmp_path / "workspaced"
    loser.write_text(
        f"#!{sys.executable}\n"
        "import subprocess, sys\n"
        f"subprocess.Popen([{sys.executable!r}, '-m', 'workspaced', *sys.argv[1:]])\n"
        f"sys.exit('workspaced: The daemon with pid 7 owns /d: {LOCK_HELD}')\n"
    )
    loser.chmod(0o700)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with Client.connect(autostart=True, timeout_seconds=30) as client:
        assert client.daemon.status().socket == str(home.socket)


def test_a_directory_that_can_not_be_made_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.root / "file").write_text("")
    monkeypatch.setenv("WORKSPACED_SOCKET", str(home.root / "file" / "d.sock"))
    told = failure()
    assert str(home.root / "file") in told


def test_a_relative_data_directory_is_the_apps(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKSPACED_DATA_DIR", "data")
    with Client.connect(autostart=True) as client:
        assert client.daemon.status().data_dir == str(tmp_path / "data")


def test_a_log_that_can_not_be_written_is_told(home: Home) -> None:
    (home.root / ".local/state/workspaced/log/daemon.log").mkdir(parents=True)
    assert "daemon.log can't be made or opened (Is a directory)" in failure()


def test_an_app_with_a_thousand_open_files_can_start_it(home: Home) -> None:
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip(f"this system lets a process open {hard} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        for _ in range(1100):
            stack.callback(os.close, os.dup(0))
        with Client.connect(autostart=True) as client:
            assert client.daemon.status().socket == str(home.socket)


def test_a_large_log_is_put_aside(home: Home) -> None:
    with Client.connect(autostart=True):
        pass
    end(home)
    log = next(home.root.rglob("daemon.log"))
    log.write_bytes(b"old\n" * 300_000)
    with Client.connect(autostart=True):
        pass
    assert log.stat().st_size < 10_000
    assert log.with_suffix(".log.1").stat().st_size >= 1_200_000
