"""`workspacectl service` with launchd: a stand-in for launchctl takes the orders, and really runs the daemon.

It can't show that the real launchctl and launchd do the same; see docs/service.md.
"""

import os
import plistlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.service_machine import Machine, new_machine
from workspaced_client import Client

BIN = Path(sys.executable).parent
DOMAIN = f"gui/{os.getuid()}"
TARGET = f"{DOMAIN}/io.github.workspaced"


@pytest.fixture
def machine(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Machine]:
    (socket_dir / "Library/Logs").mkdir(parents=True)
    with new_machine(socket_dir, "darwin", monkeypatch, capfd) as machine:
        yield machine


def plist_of(machine: Machine) -> Path:
    return machine.root / "Library/LaunchAgents/io.github.workspaced.plist"


def answering_pid(machine: Machine) -> int:
    with Client.connect(machine.socket) as client:
        return client.daemon.status().pid


def test_the_life_of_an_agent(machine: Machine) -> None:
    plist = plist_of(machine)
    load = [f"launchctl enable {TARGET}", f"launchctl bootstrap {DOMAIN} {plist}"]
    unload = f"launchctl bootout {TARGET}"
    data_dir = machine.root / "own"
    machine.configure(f"data_dir = '{data_dir}'\n")

    installed = machine.ctl("install")
    assert (installed.code, installed.err) == (0, "")
    assert machine.changes() == load
    assert answering_pid(machine) == machine.pid
    job = plistlib.loads(plist.read_bytes())
    assert job["ProgramArguments"] == [str(BIN / "workspaced"), "run"]
    assert job["Sockets"]["workspaced"]["SockPathName"] == str(machine.socket)
    assert f"Made {machine.socket.parent}\n" in installed.out
    assert machine.socket.parent.stat().st_mode & 0o777 == 0o700

    assert machine.ctl("install").out.endswith(
        "The service is installed already: nothing to do.\n" + note(machine)
    )
    assert machine.changes() == []
    status = machine.ctl("status", "--json").json
    assert (status["state"], status["pid"], status["daemon"]["pid"]) == ("running", machine.pid, machine.pid)

    first = machine.pid
    assert machine.ctl("restart").code == 0
    assert machine.changes() == [unload, *load]
    assert answering_pid(machine) == machine.pid != first

    plist.write_text(plist.read_text().replace(str(BIN), "/elsewhere"))
    removed = machine.ctl("uninstall")
    assert f"Waited until {data_dir} is free" in removed.out
    assert removed.out.endswith(f"The data stays in {data_dir}.\n")
    assert machine.changes() == [unload]
    assert not plist.exists()
    assert machine.ctl("status").code == 3


def note(machine: Machine) -> str:
    log = machine.root / "Library/Logs/workspaced.log"
    return f"It runs while you are logged in; its log is {log}, which launchd never truncates.\n"


def test_the_log_is_a_file(machine: Machine) -> None:
    missing = machine.ctl("logs")
    assert (missing.code, missing.out) == (1, "")
    assert "There is no log at" in missing.err
    (machine.root / "Library/Logs/workspaced.log").write_text("one\ntwo “2”\nthree\n")
    assert machine.ctl("logs", "-n", "2").out == "two “2”\nthree\n"
    as_json = machine.ctl("logs", "-n", "2", "--json").out
    assert as_json == '{"MESSAGE": "two \\u201c2\\u201d"}\n{"MESSAGE": "three"}\n'


def test_an_agent_that_ends_at_once_is_told(machine: Machine) -> None:
    config = machine.configure("no_such_setting = 1\n")
    failed = machine.ctl("install", "--json")
    assert failed.code == 3
    assert failed.error["kind"] == "notAnswering"
    assert "The service manager reports: ended with exit code 78." in failed.error["message"]
    config.unlink()
    machine.changes()
    assert machine.ctl("start").code == 0
    assert machine.changes() == [f"launchctl kickstart {TARGET}"]


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_told(machine: Machine) -> None:
    result = machine.ctl("--timeout", "0.01", "install")
    assert result.code == 3
    assert f"No answer at {machine.socket} within 0.01 s. The service manager reports: running." in result.err


def test_without_a_session_on_the_screen(machine: Machine) -> None:
    (machine.state / "no-session").touch()
    result = machine.ctl("install", "--json")
    assert result.code == 3
    assert result.error["kind"] == "noServiceManager"
    assert "log in on the machine's screen" in result.error["message"]
