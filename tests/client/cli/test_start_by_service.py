"""A daemon whose service is installed: started by its manager for whoever needs it, and stopped with its socket."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.service_machine import Machine, new_machine
from client.cli.workspacectl import Result, run_here
from workspaced_client import Client
from workspaced_client._core import service_manager

FORGIVE = "systemctl --user reset-failed workspaced.socket workspaced.service"
STOP = "systemctl --user stop workspaced.socket workspaced.service"
START = "systemctl --user start workspaced.socket workspaced.service"


@pytest.fixture
def machine(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Machine]:
    """A machine with the service installed, and stopped."""
    with new_machine(socket_dir, "linux", monkeypatch, capfd) as machine:
        steps = machine.ctl("install", "--dry-run", "--json").json["steps"]
        machine.units.mkdir(parents=True)
        for step in steps[:2]:
            unit = Path(step["what"])
            unit.write_text(step["text"])
            (machine.state / f"read-{unit.name}").write_text(step["text"])
            (machine.state / f"enabled-{unit.name}").touch()
        machine.changes()
        yield machine


def ctl(machine: Machine, *arguments: str) -> Result:
    return run_here(machine.capfd, *arguments)


def test_a_command_has_it_started_and_stop_stops_its_socket_too(machine: Machine) -> None:
    assert ctl(machine, "list").code == 0
    assert machine.changes() == [START]
    with Client.connect() as client:
        assert client.daemon.status().pid == machine.pid

    running = ctl(machine, "start")
    assert (running.code, running.out.partition(" (pid ")[0]) == (0, "workspaced 0.1.0 already runs")
    assert machine.changes() == []

    pid = machine.pid
    stopped = ctl(machine, "stop", "--json")
    assert stopped.json == {
        "stopped": True,
        "pid": pid,
        "dataDir": str(machine.data_dir),
        "manager": "systemd",
    }
    assert machine.changes() == [STOP]
    machine.require_free_data()
    again = ctl(machine, "stop")
    assert (again.code, again.out) == (0, f"No daemon runs at {machine.socket}: nothing to do.\n")

    started = ctl(machine, "start")
    assert started.out.startswith(f"Started workspaced 0.1.0 by systemd (pid {machine.pid}); its data is in ")
    assert machine.changes() == [FORGIVE, START]
    told = ctl(machine, "stop").out
    assert "Stopped the service of systemd, and its socket: no connection starts it." in told
    assert "It starts again when you log in, or now: workspacectl start\n" in told


def test_the_python_client_has_it_started_too(machine: Machine) -> None:
    with Client.connect(autostart=True) as client:
        assert client.daemon.status().pid == machine.pid
    assert machine.changes() == [START]


def test_a_socket_that_only_listens_is_stopped(machine: Machine) -> None:
    (machine.state / "listens").touch()
    told = ctl(machine, "stop")
    assert (told.code, told.out.splitlines()[0][:30]) == (0, "Stopped the service of systemd")
    assert machine.changes() == [STOP]


def test_the_reason_of_a_failure_is_told_in_one_line(machine: Machine) -> None:
    machine.configure("no_such_setting = 1\n")
    failed = ctl(machine, "list")
    assert failed.code == 3
    assert len(failed.err.splitlines()) == 1
    assert "there is no such setting" in failed.err
    assert "(systemd runs it; its log: workspacectl service logs)" in failed.err


@pytest.mark.parametrize("case", ["masked", "another socket", "another data directory"])
def test_a_daemon_that_the_service_does_not_stand_for_is_started_by_hand(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    if case == "masked":
        (machine.state / "masked").touch()
    elif case == "another socket":
        monkeypatch.setenv("WORKSPACED_SOCKET", str(machine.root / "own.sock"))
    else:
        monkeypatch.setenv("WORKSPACED_DATA_DIR", str(machine.root / "own"))
    found = ctl(machine, "start")
    try:
        assert (found.code, found.out[:38]) == (0, "Started workspaced 0.1.0 in the backgr")
        assert machine.changes() == []
    finally:
        assert ctl(machine, "stop").code == 0


def test_a_manager_that_hangs_is_not_waited_for(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = machine.root / "tools/systemctl"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(service_manager, "_LOOK_SECONDS", 0.1)
    with machine.held_lock():
        told = ctl(machine, "stop")
    assert (told.code, told.err.splitlines()[0]) == (
        1,
        f"error: No daemon runs at {machine.socket}, but pid {os.getpid()} holds {machine.data_dir}, and has no socket.",
    )


def test_with_launchd(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (socket_dir / "Library/Logs").mkdir(parents=True)
    target = f"gui/{os.getuid()}/io.github.workspaced"
    plist = socket_dir / "Library/LaunchAgents/io.github.workspaced.plist"
    bootstrap = f"launchctl bootstrap gui/{os.getuid()} {plist}"
    with new_machine(socket_dir, "darwin", monkeypatch, capfd) as machine:
        steps = machine.ctl("install", "--dry-run", "--json").json["steps"]
        plist.parent.mkdir()
        plist.write_text(steps[0]["text"])
        machine.changes()
        assert ctl(machine, "list").code == 0
        assert machine.changes() == [bootstrap]
        assert ctl(machine, "stop").out.startswith("Stopped the service of launchd, and its socket")
        assert machine.changes() == [f"launchctl bootout {target}"]
        assert "by launchd (pid" in ctl(machine, "start").out
        assert machine.changes() == [f"launchctl enable {target}", bootstrap]
        ctl(machine, "stop")
        machine.configure("no_such_setting = 1\n")
        failed = ctl(machine, "list")
        assert (failed.code, "there is no such setting" in failed.err) == (3, True)
