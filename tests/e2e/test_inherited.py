"""Signals and children that a daemon inherits from its parent change nothing, and each signal has one meaning."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import StartDaemon
from support.daemon_process import DaemonProcess, Ended, Home
from support.raw_connection import RawConnection
from support.waiting import wait_until

BORN = (sys.executable, str(Path(__file__).with_name("born.py")))
MISSING = "file:///no/such/repository.git"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


def born(*how: str) -> dict[str, Any]:
    return {"launcher": (*BORN, *how, "--")}


def status_of(pid: int, name: str) -> str:
    """Return a line of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(f"{name}:"))


def children(pid: int) -> list[str]:
    """Return the states of its children."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [status_of(int(each), "State") for each in pids]


@pytest.mark.parametrize("how", ["ignores-children", "ignores-all-signals"])
def test_a_failed_clone_is_told_though_the_parent_ignored_the_end_of_children(
    how: str, home: Home, start: StartDaemon
) -> None:
    start(**born(how))
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        connection.refused(3002, "project.clone", workspaceId=made["id"], gitUrl=MISSING)
        assert connection.call("workspace.get", id=made["id"])["projects"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("how", ["blocks-all-signals", "ignores-all-signals"])
def test_signals_end_it_though_the_parent_blocked_or_ignored_them(
    how: str, number: signal.Signals, start: StartDaemon
) -> None:
    assert start(**born(how)).stop(number) == 0


@linux_only
def test_git_inherits_no_signal_from_the_parents_parent(home: Home, start: StartDaemon) -> None:
    programs = home.root / "bin"
    programs.mkdir()
    # No shell: some of them unblock signals.
    copy = f"open('{home.root}/status', 'w').write(open('/proc/self/status').read())"
    (programs / "git").write_text(f"#!{sys.executable}\n{copy}\nraise SystemExit(1)\n")
    (programs / "git").chmod(0o700)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    start(environment={"PATH": path}, **born("blocks-all-signals", "ignores-all-signals"))
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        connection.refused(3002, "project.clone", workspaceId=made["id"], gitUrl=MISSING)
    lines = dict(line.split(":\t", 1) for line in (home.root / "status").read_text().splitlines())
    # C libraries keep two signals for themselves, which no program can take back.
    settable = sum(1 << number - 1 for number in signal.valid_signals())
    ignored_by_python = 1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    assert int(lines["SigBlk"], 16) == 0
    assert int(lines["SigIgn"], 16) & settable == ignored_by_python


@linux_only
def test_an_ignored_hangup_stays_ignored(home: Home, start: StartDaemon) -> None:
    daemon = start(**born("ignores-hangup"))
    daemon.send_signal(signal.SIGHUP)
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.ping") == "pong"
    assert daemon.stop() == 0
    assert "reload" not in daemon.stderr.lower()


@pytest.mark.parametrize(
    "number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPROF, signal.SIGIO, signal.SIGPIPE]
)
def test_a_signal_without_a_meaning_ends_nothing(
    number: signal.Signals, home: Home, start: StartDaemon
) -> None:
    daemon = start()
    daemon.send_signal(number)
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.ping") == "pong"
    assert daemon.stop() == 0


def test_the_parents_alarm_clock_ends_nothing(home: Home, start: StartDaemon) -> None:
    # Blocked until the daemon unblocks it, however long Python takes to start.
    daemon = start(**born("blocks-all-signals", "has-alarm"))
    with RawConnection(home.socket) as connection:
        assert connection.call("daemon.ping") == "pong"
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_further_signals_change_nothing(number: signal.Signals, start: StartDaemon) -> None:
    for _ in range(3):
        daemon = start()
        daemon.send_signal(signal.SIGTERM)
        # Two senders, each faster than a handler in Python.
        sender = ("sh", "-c", f"while kill -{number:d} {daemon.pid} 2>/dev/null; do :; done")
        with subprocess.Popen(sender) as one, subprocess.Popen(sender) as other:
            try:
                assert daemon.wait() == 0, daemon.stderr
            finally:
                one.kill()
                other.kill()
        assert "Traceback" not in daemon.stderr


# Sends itself the signal when a certain module is about to be imported.
AT_AN_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            for _ in range(3):
                os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Finder())
from workspaced.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("module", ["workspaced.cli", "trio", "pydantic", "workspaced.app"])
def test_a_signal_during_the_imports_ends_it_at_once_without_a_word(
    number: signal.Signals, module: str, home: Home
) -> None:
    code = AT_AN_IMPORT.format(module=module, number=int(number))
    # A setting that is no path is what has pydantic imported.
    environment = {"WORKSPACED_LOG_LEVEL": "info"}
    ended = DaemonProcess(home, program=(sys.executable, "-c", code), environment=environment).run_to_end()
    assert ended == Ended(0, "")
    assert not home.data_dir.exists()


# Children


@linux_only
def test_a_child_of_the_program_before_it_is_reaped(start: StartDaemon) -> None:
    daemon = start(**born("has-child"))
    wait_until(lambda: children(daemon.pid) == [], lambda: str(children(daemon.pid)))
    assert daemon.stop() == 0


ORPHAN = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execvp(sys.argv[1], sys.argv[1:])"


@linux_only
def test_orphans_are_reaped_and_git_keeps_its_exit_code(home: Home, start: StartDaemon) -> None:
    """As PID 1 of a container it has the orphans of git; a subreaper (prctl(2)) has them, too, and needs no root."""
    programs = home.root / "bin"
    programs.mkdir()
    (programs / "git").write_text("#!/bin/sh\n(sleep 0 & sleep 0 &)\nexit 7\n")
    (programs / "git").chmod(0o700)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    daemon = start(environment={"PATH": path}, launcher=(sys.executable, "-c", ORPHAN))
    with RawConnection(home.socket) as connection:
        made = connection.create("Alpha", str(home.root))
        for _ in range(10):
            told = connection.refused(3002, "project.clone", workspaceId=made["id"], gitUrl=MISSING)
            assert "exit code 7" in told["message"]
    wait_until(lambda: children(daemon.pid) == [], lambda: str(children(daemon.pid)))
    assert daemon.stop() == 0
