"""What the command line's tests share: a daemon for a module's tests, and `workspacectl` run against it."""

from collections.abc import Iterator

import pytest

from client.cli.doctor_checks import Doctor, doctor_for, left_as_it_was
from client.cli.workspacectl import Ctl, ctl_for
from support.daemon_process import DaemonProcess, running_daemon


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
