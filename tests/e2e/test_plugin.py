"""The pytest plugin in a project of its own, outside this repository, and what is left after each of its tests."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import new_home
from support.waiting import PATIENCE_SECONDS, wait_until
from workspaced_client import testing

GOOD = """
import os
import signal

import pytest
import trio

from workspaced_client import Client, NotRunning
from workspaced_client.testing import Daemon

SEEN = dict(os.environ)


def test_a_client_of_an_empty_daemon(workspaced_client: Client, workspaced_daemon: Daemon) -> None:
    assert workspaced_client.workspaces.list() == []
    status = workspaced_client.daemon.status()
    assert status.pid == workspaced_daemon.pid
    assert status.socket == str(workspaced_daemon.socket)
    assert status.data_dir == str(workspaced_daemon.data_dir)
    workspaced_client.workspaces.create("shop", "/srv/shop")


def test_another_test_has_another_daemon(workspaced_client: Client) -> None:
    assert workspaced_client.workspaces.list() == []
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**SEEN, "PYTEST_CURRENT_TEST": ""}


def test_a_restart_starts_a_killed_daemon_too(workspaced_daemon: Daemon) -> None:
    client = workspaced_daemon.client()
    made = client.workspaces.create("shop", "/srv/shop")
    first = workspaced_daemon.pid
    workspaced_daemon.kill()
    with pytest.raises(NotRunning):
        workspaced_daemon.client()
    workspaced_daemon.restart()
    assert client.workspaces.list() == [made]
    second = workspaced_daemon.pid
    workspaced_daemon.restart()
    assert len({first, second, workspaced_daemon.pid}) == 3
    workspaced_daemon.kill()  # and it is left so


@pytest.mark.trio
async def test_under_pytest_trio(workspaced_daemon: Daemon) -> None:
    async with workspaced_daemon.async_client() as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.workspaces.create, "shop", "/srv/shop")
    assert len(workspaced_daemon.client().workspaces.list()) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_under_asyncio(workspaced_daemon: Daemon, anyio_backend: str) -> None:
    async with workspaced_daemon.async_client() as client:
        assert await client.workspaces.list() == []


def test_left_stopped(workspaced_daemon: Daemon) -> None:
    workspaced_daemon.send_signal(signal.SIGSTOP)
"""

BAD = """
import os

import pytest
from workspaced_client.testing import DaemonFailed, daemon


def test_fails(workspaced_client):
    workspaced_client.workspaces.create("shop", "/srv/shop")
    raise RuntimeError("a defect of the app")


def test_does_not_start():
    with daemon("--log-level", "loud"):
        pass
"""

ENDLESS = """
import os
import time
from pathlib import Path


def test_waits(workspaced_daemon):
    Path("begun").write_text(str(workspaced_daemon.socket))
    time.sleep(1000)
"""


class Project:
    """A directory with one file of tests, and a directory for temporary files that only they use."""

    def __init__(self, root: Path, tests: str) -> None:
        self.root = root
        self.temporary = root / "t"
        self.temporary.mkdir()
        (root / "test_app.py").write_text(tests)
        (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\nfilterwarnings = ['error']\n")
        self.command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        self.environment = {**os.environ, "TMPDIR": str(self.temporary), "WORKSPACED_LOG_LEVEL": "loud"}

    def run(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self.command, *options],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS * 3,
        )

    def left(self) -> list[str]:
        """What daemons left; pytest's own directory is no concern of the plugin."""
        return [path.name for path in self.temporary.iterdir() if not path.name.startswith("pytest-of-")]


@pytest.fixture
def place() -> Iterator[Path]:
    with new_home() as home:
        yield home.root


def test_a_project_of_its_own_tests_with_real_daemons(place: Path) -> None:
    project = Project(place, GOOD)
    done = project.run("-n", "2")
    assert "6 passed" in done.stdout, done.stdout + done.stderr
    assert project.left() == []


def test_a_failure_is_told_with_the_log_of_the_daemon(place: Path) -> None:
    project = Project(place, BAD)
    done = project.run("-n", "0")
    assert "2 failed" in done.stdout, done.stdout + done.stderr
    assert "a defect of the app" in done.stdout
    assert "Captured workspaced teardown" in done.stdout
    assert "workspace.create" in done.stdout.partition("Captured workspaced teardown")[2]
    assert "DaemonFailed: The daemon ended with 78 before it was ready. It wrote:" in done.stdout
    assert "loud" in done.stdout
    assert project.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_an_interrupted_test(place: Path, number: signal.Signals) -> None:
    project = Project(place, ENDLESS)
    begun = place / "begun"
    with (
        subprocess.Popen(
            project.command, cwd=place, env=project.environment, stdout=subprocess.DEVNULL
        ) as tests,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        try:
            wait_until(lambda: begun.exists() and bool(begun.read_text()), "the test did not begin")
            connection.connect(begun.read_text())
            tests.send_signal(number)
            connection.settimeout(PATIENCE_SECONDS)
            assert connection.recv(1) == b"", "the daemon lives on"
        finally:
            tests.kill()
    wait_until(lambda: project.left() == [], "its directory is still there")


def test_a_long_directory_for_temporary_files_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with testing.daemon() as daemon, daemon.client() as client:
        assert client.workspaces.list() == []
    assert list(long.iterdir()) == []


def test_a_directory_that_nobody_may_write_to_goes_too() -> None:
    with testing.daemon() as daemon:
        (daemon.root / "shut" / "below").mkdir(parents=True)
        (daemon.root / "shut").chmod(0)
    assert not daemon.root.exists()


def test_a_wrong_use_is_told() -> None:
    with testing.daemon() as daemon, pytest.raises(testing.DaemonFailed, match="runs already"):
        daemon.start()
    with pytest.raises(testing.DaemonFailed, match="not started yet"):
        testing.Daemon(Path("/nowhere")).kill()
