"""`workspacectl service` with systemd: a stand-in takes the orders, and really runs the daemon."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.service_machine import Machine, new_machine
from support.daemon_process import Home, running_daemon
from workspaced_client import Client

BIN = Path(sys.executable).parent
ENABLE = "systemctl --user enable --now workspaced.socket workspaced.service"
FORGIVE = "systemctl --user reset-failed workspaced.socket workspaced.service"
STOP = "systemctl --user stop workspaced.socket workspaced.service"
START = "systemctl --user start workspaced.socket workspaced.service"
DISABLE = "systemctl --user disable workspaced.socket workspaced.service"
RELOAD = "systemctl --user daemon-reload"


@pytest.fixture
def machine(
    socket_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Machine]:
    with new_machine(socket_dir, "linux", monkeypatch, capfd) as machine:
        yield machine


def answering_pid(machine: Machine) -> int:
    with Client.connect(machine.socket) as client:
        return client.daemon.status().pid


def test_install_runs_the_daemon_and_is_repeatable(machine: Machine) -> None:
    result = machine.ctl("install")
    assert (result.code, result.err) == (0, "")
    assert machine.changes() == [RELOAD, ENABLE]
    assert answering_pid(machine) == machine.pid
    service, socket = machine.units / "workspaced.service", machine.units / "workspaced.socket"
    assert f"\nExecStart={BIN}/workspaced run\n" in service.read_text()
    assert result.out.splitlines()[:5] == [
        f"Wrote {socket}",
        f"Wrote {service}",
        f"Ran {RELOAD}",
        f"Ran {ENABLE}",
        f"Waiting until the daemon answers at {machine.socket} (60 s at most)",
    ]
    assert f"answers (pid {machine.pid}); its data is in {machine.data_dir}." in result.out
    assert "starts when you log in" in result.out
    assert "loginctl enable-linger" in result.out

    before, pid = machine.everything(), machine.pid
    again = machine.ctl("install", "--json")
    assert again.code == 0
    assert again.json["steps"] == []
    assert again.json["outcome"] == "The service is installed already: nothing to do."
    assert again.json["daemon"]["pid"] == pid
    assert machine.changes() == []
    assert machine.everything() == before

    unit = machine.units / "workspaced.service"
    text = unit.read_text()
    unit.write_text(text.replace(str(BIN), "/elsewhere"))
    (machine.state / "lingers").write_text("yes")
    assert f"{unit} (of another release or installation" in machine.ctl("status").out
    renewed = machine.ctl("install")
    assert renewed.code == 0
    assert machine.changes() == [STOP, RELOAD, ENABLE]
    assert unit.read_text() == text
    assert "linger" not in renewed.out
    assert answering_pid(machine) == machine.pid != pid
    (machine.state / "listens").unlink()  # as where somebody has started the service alone
    steps = machine.ctl("install", "--dry-run", "--json").json["steps"]
    assert [step["what"] for step in steps if step["kind"] == "run"] == [STOP, ENABLE]


def test_stop_ends_when_the_data_is_free_and_uninstall_leaves_the_data(machine: Machine) -> None:
    before = machine.everything()
    assert machine.ctl("install", "--quiet").out == ""
    running = machine.ctl("status", "--json")
    assert running.code == 0
    assert running.json["daemon"]["dataDir"] == str(machine.data_dir)
    assert {each["condition"] for each in running.json["files"]} == {"current"}
    assert machine.ctl("start").out.endswith("The service runs already: nothing to do.\n")

    first = answering_pid(machine)
    machine.changes()
    assert machine.ctl("restart", "--quiet").out == ""
    assert machine.changes() == [FORGIVE, "systemctl --user restart workspaced.service"]
    second = answering_pid(machine)
    assert second == machine.pid != first

    (machine.state / "listens").unlink()  # as where somebody has started the service alone
    assert machine.ctl("start").code == 0
    assert machine.changes() == [STOP, FORGIVE, START]
    assert answering_pid(machine) == machine.pid != second
    with Client.connect(machine.socket) as client:
        client.workspaces.create("alpha", "/a")

    stopped = machine.ctl("stop")
    machine.require_free_data()
    assert stopped.code == 0
    assert stopped.out.endswith("The service is stopped. It starts again when you log in.\n")
    assert machine.changes() == [STOP]
    status = machine.ctl("status")
    assert status.code == 3
    assert "Service  inactive (dead) (systemd)" in status.out
    assert "(nobody listens)" in status.out
    assert machine.ctl("stop").out == "The service does not run: nothing to do.\n"

    result = machine.ctl("uninstall")
    assert result.code == 0
    assert machine.changes() == [DISABLE, RELOAD]
    assert result.out.endswith(f"The service is removed. The data stays in {machine.data_dir}.\n")
    left = {path for path in machine.everything() if path not in before}
    assert str(machine.data_dir / "workspaces.json") in left
    assert {Path(path).parent for path in left} == {machine.data_dir}
    again = machine.ctl("uninstall")
    assert (again.code, again.out) == (0, "The service is not installed: nothing to do.\n")
    assert machine.changes() == []


def test_a_dry_run_shows_all_and_changes_nothing(machine: Machine) -> None:
    before = machine.everything()
    text = machine.ctl("install", "--dry-run")
    as_json = machine.ctl("install", "--dry-run", "--json").json
    assert text.code == 0
    assert machine.changes() == []
    assert machine.everything() == before
    assert f"Would write {machine.units}/workspaced.service:\n    # Written by " in text.out
    assert f"\n    ExecStart={BIN}/workspaced run\n" in text.out
    assert f"\nWould run {ENABLE}\n" in text.out
    assert f"Would wait until the daemon answers at {machine.socket}" in text.out
    assert "is installed" not in text.out
    assert as_json["dryRun"] is True
    assert [step["kind"] for step in as_json["steps"]] == ["write", "write", "run", "run"]
    assert as_json["steps"][1]["text"].splitlines()[0].startswith("# Written by ")


def test_a_unit_that_somebody_else_wrote_is_kept(machine: Machine) -> None:
    machine.units.mkdir(parents=True)
    own = machine.units / "workspaced.service"
    own.write_text("[Service]\nExecStart=/opt/mine\n")
    for command, advice in (("install", "--force to replace it"), ("uninstall", "remove it yourself")):
        refused = machine.ctl(command, "--json")
        assert refused.code == 1
        assert refused.error["kind"] == "notOurs"
        assert str(own) in refused.error["message"]
        assert advice in refused.error["message"]
        preview = machine.ctl(command, "--dry-run")
        assert preview.code == 0
        assert f"\nAt present, this would be refused: {refused.error['message']}\n" in preview.out
    assert own.read_text() == "[Service]\nExecStart=/opt/mine\n"
    assert not (machine.units / "workspaced.socket").exists()
    assert machine.changes() == []

    # It is loaded, without a socket, and what it runs is no workspaced.
    (machine.state / "read-workspaced.service").write_text(own.read_text())
    with subprocess.Popen(["/bin/sleep", "60"]) as mine:
        (machine.state / "pid").write_text(str(mine.pid))
        forced = machine.ctl("install", "--force")
        assert (forced.code, forced.err) == (0, "")
        assert mine.wait(10) == -signal.SIGTERM
    assert machine.changes() == [STOP, RELOAD, ENABLE]
    assert answering_pid(machine) == machine.pid


def test_a_daemon_that_was_started_otherwise_is_not_pushed_aside(machine: Machine) -> None:
    with machine.held_lock():
        refused = machine.ctl("install")
        assert refused.code == 1
        assert f"A daemon already runs (pid {os.getpid()}), and systemd did not start it" in refused.err
    with running_daemon(Home(machine.root, socket=machine.socket)) as daemon:  # its data is elsewhere
        refused = machine.ctl("install")
        assert f"A daemon already runs (pid {daemon.pid})" in refused.err
        preview = machine.ctl("install", "--dry-run")
        as_json = machine.ctl("install", "--dry-run", "--json").json
    assert preview.code == 0
    assert f"\nWould run {ENABLE}\n" in preview.out
    note = f"At present, this would be refused: A daemon already runs (pid {daemon.pid})"
    assert f"\n{note}" in preview.out
    assert as_json["notes"][0].startswith(note)
    assert machine.changes() == []
    assert not machine.units.exists()


def test_a_service_is_not_started_over_another_daemon(machine: Machine) -> None:
    machine.ctl("install")
    machine.ctl("stop")
    machine.changes()
    with machine.held_lock():
        for command in ("start", "restart"):
            refused = machine.ctl(command, "--json")
            assert (refused.code, refused.error["kind"]) == (1, "anotherDaemon")
    assert machine.changes() == []


def test_a_daemon_that_keeps_the_data_is_told_by_stop(machine: Machine) -> None:
    (machine.state / "listens").touch()
    with machine.held_lock():
        result = machine.ctl("stop", "--timeout", "0.1")
    assert result.code == 1
    assert f"pid {os.getpid()} still held {machine.data_dir} after 0.1 s" in result.err


def test_what_is_not_installed_is_not_started(machine: Machine) -> None:
    for command in ("start", "restart"):
        result = machine.ctl(command)
        assert (result.code, result.err.splitlines()[1:]) == (1, ["Try: workspacectl service install"])
    assert machine.ctl("status").code == 3
    assert machine.changes() == []


def test_a_service_that_fails_is_told_and_forgiven_at_the_next_start(machine: Machine) -> None:
    config = machine.configure("no_such_setting = 1\n")
    failed = machine.ctl("install")
    assert failed.code == 1
    assert f"error: `{ENABLE}` failed with exit code 1: Job for workspaced.service failed" in failed.err
    assert "workspacectl service logs" in failed.err
    assert "failed (exit-code, exit code 78)" in machine.ctl("status").out
    config.unlink()
    machine.changes()
    assert machine.ctl("start").code == 0
    assert machine.changes()[0] == FORGIVE


def test_the_log_is_the_journals(machine: Machine) -> None:
    result = machine.ctl("logs", "-n", "7", "-f")
    assert (result.code, result.out) == (0, "a line of the log\n")
    machine.ctl("logs", "--json")
    journal = "journalctl --user --unit=workspaced.service --lines="
    assert machine.changes() == [
        f"{journal}7 --no-pager --follow",
        f"{journal}50 --no-pager --output=json",
    ]
    (machine.state / "pipe-breaks").touch()
    assert machine.ctl("logs").code == 141


def test_this_shells_variables_are_told_not_to_reach_the_service(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKSPACED_DATA_DIR", "/elsewhere")
    assert "(WORKSPACED_DATA_DIR): use config.toml instead." in machine.ctl("install", "--dry-run").out


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_service_manager(machine: Machine, monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    if is_there:
        (machine.state / "manager").write_text("offline")
    else:
        monkeypatch.setenv("PATH", str(machine.root))
    for command in ("install", "uninstall", "start", "stop", "restart", "status", "logs"):
        result = machine.ctl(command, "--json")
        assert result.code == 3
        assert result.error["kind"] == "noServiceManager"
        assert "container" in result.error["message"]
        assert "run `workspaced run` in the foreground" in result.error["message"]
    assert machine.changes() == []
