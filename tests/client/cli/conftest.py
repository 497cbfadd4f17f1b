"""What the command line's tests share: a daemon for a module's tests, and `workspacectl` run against it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli.doctor_checks import Doctor, doctor_for, left_as_it_was
from client.cli.workspacectl import Ctl, ctl_for
from support.daemon_process import DaemonProcess, running_daemon
from workspaced_client.cli.doctor import environment


@pytest.fixture(autouse=True)
def _no_autostart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command in this process starts a daemon, unless a test is about that."""
    monkeypatch.setenv("WORKSPACED_AUTOSTART", "0")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """Run a daemon for a module's tests."""
    with running_daemon(tmp_path_factory.mktemp("d")) as daemon:
        yield daemon


@pytest.fixture
def ctl(daemon: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Iterator[Ctl]:
    """Run `workspacectl` in this process; the store is empty again after the test."""
    yield ctl_for(daemon.socket, capsys)
    with daemon.client() as client:
        for workspace in client.workspaces.list():
            client.store.remove(workspace.id)


@pytest.fixture(scope="module")
def stocked(daemon: DaemonProcess) -> DaemonProcess:
    """The module's daemon with a workspace in it."""
    with daemon.client() as client:
        client.workspaces.create("alpha", "/srv/a")
    return daemon


@pytest.fixture
def patient(stocked: DaemonProcess) -> Iterator[DaemonProcess]:
    """The same, for tests that change its files: they are put back after each."""
    with left_as_it_was(stocked) as daemon:
        yield daemon


@pytest.fixture
def doctor(patient: DaemonProcess, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Run `workspacectl doctor` against that daemon, and give the checks by name."""
    return doctor_for(patient, capsys)


@pytest.fixture(scope="session")
def quick_workspaced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that shows a configuration without a file, as `workspaced config show` does."""
    program = tmp_path_factory.mktemp("bin") / "workspaced"
    shown: dict[str, object] = {
        "file": None,
        "settings": {"store": {"value": "auto"}},
        "unknownVariables": [],
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(shown)}'\n")
    program.chmod(0o755)
    return program


@pytest.fixture(autouse=True)
def _doctor_asks_it(quick_workspaced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A doctor in this process asks that one; a doctor in a process of its own asks the real one."""
    monkeypatch.setattr(environment, "executable", lambda: quick_workspaced)
