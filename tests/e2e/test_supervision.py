"""The daemon under a service manager: what it tells, what it is passed, and clients that a restart does not lose."""

import os
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from e2e.service_manager import ServiceManager, passing
from support.daemon_process import DaemonProcess, Home, listens
from support.raw_connection import RawConnection
from support.waiting import PATIENCE_SECONDS
from workspaced_client import Client

pytestmark = pytest.mark.usefixtures("measured")
WATCHDOG_SECONDS = 0.4

Begin = Callable[..., DaemonProcess]


@pytest.fixture
def begin(home: Home) -> Iterator[Begin]:
    """Start a daemon in the home, and wait for nothing; kill it in the end."""
    with ExitStack() as stack:

        def begin(*arguments: str, **options: Any) -> DaemonProcess:
            daemon = DaemonProcess(home, *arguments, **options)
            stack.callback(daemon.close)
            return daemon.begin()

        yield begin


@pytest.fixture
def manager(home: Home) -> Iterator[ServiceManager]:
    with ServiceManager(home.root) as manager:
        yield manager


@pytest.fixture
def passed(home: Home) -> Iterator[socket.socket]:
    """A socket that listens where a manager chose, which is not where the settings say."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(home.root / "passed.sock"))
        listening.listen(100)
        yield listening


def passed_path(passed: socket.socket) -> Path:
    return Path(passed.getsockname())


def test_the_manager_is_told_of_each_stage_and_ready_only_once_the_daemon_answers(
    home: Home, begin: Begin, manager: ServiceManager
) -> None:
    daemon = begin(environment=manager.environment)
    *restoring, ready = manager.hear_of("READY")
    assert [set(message) for message in restoring] == [{"STATUS"}]
    assert "Restoring" in restoring[0]["STATUS"]
    assert ready == {"READY": "1", "STATUS": f"0 workspaces, listening on {home.socket}"}
    with RawConnection(home.socket) as connection:
        connection.create("Alpha")
        before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        daemon.send_signal(signal.SIGHUP)
        reloading = manager.hear()
        assert reloading.pop("RELOADING") == "1"
        assert (
            before_us
            <= int(reloading.pop("MONOTONIC_USEC"))
            <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        )
        assert set(reloading) == {"STATUS"}
        assert manager.hear() == {"READY": "1", "STATUS": f"1 workspace, listening on {home.socket}"}
        assert connection.call("daemon.ping") == "pong", "a reload keeps the clients"
    daemon.send_signal(signal.SIGTERM)
    assert manager.hear()["STOPPING"] == "1"
    assert daemon.wait() == 0
    with pytest.raises(TimeoutError):
        manager.hear(0.01)


def test_a_hangup_reads_the_configuration_file_again(
    home: Home, begin: Begin, manager: ServiceManager
) -> None:
    file = home.root / "c.toml"
    file.write_text("max_line_bytes = 2048\n")
    daemon = begin("--config", str(file), environment=manager.environment)
    manager.hear_of("READY")
    for text in ("max_line_bytes = 4096\nlog_format = 'json'\n", "max_line_bytes = 'many'\n"):
        file.write_text(text)
        daemon.send_signal(signal.SIGHUP)
        manager.hear_of("READY")
        with RawConnection(home.socket) as connection:
            connection.send_bytes(b" " * 3000 + b'{"jsonrpc":"2.0","id":1,"method":"daemon.ping"}\n')
            assert connection.receive()["result"] == "pong", "the longer line is taken, by the new limit"
    assert daemon.stop() == 0
    assert "log_format" in daemon.stderr
    assert f"`max_line_bytes` in {file}, line 1: it is “many”" in daemon.stderr


def test_a_daemon_that_can_not_start_is_never_ready(
    home: Home, begin: Begin, manager: ServiceManager
) -> None:
    home.data_dir.mkdir()
    home.primary.mkdir()
    assert begin(environment=manager.environment).wait() == 74
    assert set(manager.hear()) == {"STATUS"}
    with pytest.raises(TimeoutError):
        manager.hear(0.01)


def test_a_manager_that_is_gone_changes_nothing_but_the_log(home: Home, begin: Begin) -> None:
    daemon = begin(environment={"NOTIFY_SOCKET": str(home.root / "gone"), "WATCHDOG_USEC": "100000"})
    daemon.wait_ready()
    with RawConnection(home.socket) as connection:
        connection.create("Alpha")
    assert daemon.stop() == 0
    assert daemon.stderr.count("can't be notified") == 1


# A daemon in which one method never comes back, as a defect might have it.
_BLOCKING = """
import threading
import workspaced_protocol.openrpc
workspaced_protocol.openrpc.openrpc_document = threading.Event().wait
from workspaced.__main__ import main
main()
"""


def test_the_watchdog_is_fed_until_the_loop_is_blocked(
    home: Home, begin: Begin, manager: ServiceManager
) -> None:
    environment = {**manager.environment, "WATCHDOG_USEC": str(int(WATCHDOG_SECONDS * 1_000_000))}
    begin(environment=environment, program=(sys.executable, "-c", _BLOCKING))
    manager.hear_of("READY")
    with RawConnection(home.socket) as connection:
        for _ in range(3):
            assert manager.hear(PATIENCE_SECONDS)["WATCHDOG"] == "1"
        (itself,) = [each for each in connection.call("daemon.clients") if "program" in each]
        assert itself["program"] == "workspaced (watchdog)"
        connection.send(connection.request("rpc.discover"))
        assert manager.falls_silent(2 * WATCHDOG_SECONDS)


def test_nothing_of_the_manager_is_passed_to_git(
    home: Home, begin: Begin, manager: ServiceManager, passed: socket.socket
) -> None:
    programs = home.root / "bin"
    programs.mkdir()
    git = programs / "git"
    git.write_text(f"#!/bin/sh\nenv >{home.root}/environment\nexit 1\n")
    git.chmod(0o700)
    environment = {
        **manager.environment,
        "WATCHDOG_USEC": "60000000",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    begin(environment=environment, launcher=passing(passed), pass_fds=[passed.fileno()])
    manager.hear_of("READY")
    with RawConnection(passed_path(passed)) as connection:
        workspace = connection.create("Alpha", str(home.root))
        connection.refused(
            3002, "project.clone", workspaceId=workspace["id"], gitUrl="https://example.com/x.git"
        )
    names = {line.partition("=")[0] for line in (home.root / "environment").read_text().splitlines()}
    assert "PATH" in names
    assert [name for name in names if name.startswith(("NOTIFY_", "WATCHDOG_", "LISTEN_"))] == []


def test_clients_go_on_across_restarts_with_the_socket_that_the_manager_keeps(
    home: Home, begin: Begin, passed: socket.socket
) -> None:
    path = passed_path(passed)
    before = path.lstat()

    def start() -> DaemonProcess:
        return begin(launcher=passing(passed), pass_fds=[passed.fileno()])

    daemon = start()
    stopped = threading.Event()

    def work(number: int) -> int:
        """Write until the restarts are over; return how much. Any error ends the test."""
        with Client.connect(path, timeout_seconds=PATIENCE_SECONDS) as client:
            count = 0
            while not stopped.is_set() or count == 0:
                client.workspaces.create(f"{number} {count}", "/srv")
                count += 1
            return count

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, number) for number in range(3)]
        try:
            for _ in range(2):
                with RawConnection(path) as connection:
                    connection.call("daemon.ping")
                assert daemon.stop() == 0
                assert not listens(home.socket), "it must have no socket of its own"
                # Nobody is there now: the client waits in the socket, and its request with it.
                with RawConnection(path) as waiting:
                    request = waiting.request("daemon.status")
                    waiting.send(request)
                    daemon = start()
                    status = waiting.receive()["result"]
                    assert status["pid"] == daemon.pid
                    assert status["socket"] == str(path)
        finally:
            stopped.set()
        counts = [each.result(PATIENCE_SECONDS) for each in working]
    with RawConnection(path) as connection:
        names = {each["name"] for each in connection.call("store.getAll")}
    assert names == {f"{number} {each}" for number, count in enumerate(counts) for each in range(count)}
    assert daemon.stop() == 0
    assert (path.lstat().st_ino, stat.S_ISSOCK(path.lstat().st_mode)) == (before.st_ino, True)
    assert "The socket of the service manager overrides the setting" in daemon.stderr
    assert str(home.socket) in daemon.stderr


def test_a_socket_for_another_process_is_left_alone(home: Home, begin: Begin, passed: socket.socket) -> None:
    daemon = begin(launcher=passing(passed, str(os.getpid())), pass_fds=[passed.fileno()])
    daemon.wait_ready()
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.status")["socket"] == str(home.socket)
    assert daemon.stop() == 0


def test_what_is_no_socket_to_listen_on_ends_the_start_and_touches_nothing(home: Home, begin: Begin) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        daemon = begin(launcher=passing(theirs), pass_fds=[theirs.fileno()])
        assert daemon.wait() == 74
    assert daemon.stderr.startswith(
        "workspaced: The service manager passed descriptor 3, which is a connection"
    )
    assert len(daemon.stderr.splitlines()) == 1
    assert not home.data_dir.exists()


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is of Linux's systemd"
)
def test_systemd_starts_the_daemon_for_its_first_client(home: Home, begin: Begin) -> None:
    path = home.root / "activated.sock"
    kept = [f"--setenv={name}" for name in ("HOME", "PATH")]
    activate = ["systemd-socket-activate", f"--listen={path}", "--fdname=workspaced", *kept]
    daemon = begin(launcher=activate)
    daemon.wait_ready(path)
    with RawConnection(path) as connection:
        status = connection.call("daemon.status")
    assert (status["pid"], status["socket"]) == (daemon.pid, str(path))
    assert daemon.stop() == 0
    assert path.is_socket()


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_terminal_that_is_closed_ends_the_daemon_and_any_other_hangup_does_not(
    home: Home, begin: Begin, is_closed: bool
) -> None:
    ours, theirs = os.openpty()
    try:
        daemon = begin(stdin=theirs)
        os.close(theirs)
        daemon.wait_ready()
    finally:
        if is_closed:
            os.close(ours)
    with RawConnection(home.socket) as connection:
        daemon.send_signal(signal.SIGHUP)
        if is_closed:
            assert daemon.wait() == 0
        else:
            assert connection.call("daemon.ping") == "pong"
            assert daemon.stop() == 0
            os.close(ours)
