"""The harness that the tests of the real daemon stand on."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support import waiting
from support.daemon_process import DaemonFailed, DaemonProcess, Home, running_daemon
from support.raw_connection import RawConnection
from support.waiting import wait_until


def test_nothing_is_left_of_a_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKSPACED_DATA_DIR", "/not/the/tests/own")
    with running_daemon() as daemon, daemon.client() as client:
        status = client.daemon.status()
        assert (status.pid, status.data_dir) == (daemon.pid, str(daemon.data_dir))
    assert not daemon.is_running
    assert not daemon.home.root.exists()


def test_a_close_ends_what_it_had_started_too(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    launcher = ("sh", "-c", '"$@" & wait', "sh")  # stays, so that the daemon is a child of the child
    daemon = DaemonProcess(Home(tmp_path), launcher=launcher, pass_fds=[writing])
    with closing(daemon.start()), RawConnection(daemon.socket) as connection:
        os.close(writing)
        assert connection.call("daemon.status")["pid"] != daemon.pid
    with os.fdopen(reading, "rb") as held:
        assert held.read() == b""  # nobody holds the other end


FORKED_AND_EXECUTED = pytest.mark.parametrize("is_executed", [False, True])


@FORKED_AND_EXECUTED
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_starts_again_where_it_was(number: signal.Signals, is_executed: bool) -> None:
    with running_daemon(is_executed=is_executed) as daemon:
        with daemon.client() as client:
            made = client.workspaces.create("Alpha", "/srv")
        before = daemon.pid
        daemon.restart(number)
        assert daemon.pid != before
        with daemon.client() as client:
            assert client.workspaces.list() == [made]


@FORKED_AND_EXECUTED
def test_a_start_that_fails_says_what_the_daemon_said(tmp_path: Path, is_executed: bool) -> None:
    daemon = DaemonProcess(Home(tmp_path), "--no-such", is_executed=is_executed)
    with pytest.raises(DaemonFailed, match=r"ended with 64 (?s:.*)--no-such"):
        daemon.start()
    assert not daemon.is_running


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc, and only there a daemon is forked")
def test_a_forked_daemon_inherits_what_an_executed_one_does() -> None:
    def inherited(is_executed: bool) -> tuple[object, ...]:
        with running_daemon(is_executed=is_executed) as daemon, daemon.client() as client:
            client.daemon.ping()
            status = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
            return (
                [line for line in status if line.startswith(("SigBlk", "SigIgn", "SigCgt", "Umask"))],
                # The fewest: a file may be open for a moment just now.
                min(len(os.listdir(f"/proc/{daemon.pid}/fd")) for _ in range(50)),
                Path(f"/proc/{daemon.pid}/cwd").readlink() == daemon.home.root,
                (os.getsid(daemon.pid), os.getpgid(daemon.pid)) == (daemon.pid, daemon.pid),
            )

    assert inherited(is_executed=False) == inherited(is_executed=True)


def test_a_wait_in_vain_ends_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(AssertionError, match="in vain: nobody came"):
        wait_until(lambda: False, "nobody came")
    wait_until(lambda: True)
