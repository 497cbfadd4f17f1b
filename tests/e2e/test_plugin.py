"""The pytest plugin in a project of its own, outside this repository, and what is left after each of its tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.daemon_process import new_home
from support.raw_connection import RawConnection
from support.repository import ROOT
from support.waiting import PATIENCE_SECONDS, wait_until
from workspaced_client import testing

PUBLISHED = (
    (ROOT / "docs/integrate/python.md")
    .read_text("utf-8")
    .partition("```python\nimport pytest\n")[2]
    .partition("```")[0]
)
PUBLISHED = f"import pytest\n{PUBLISHED}"

GOOD = """
import os
import signal

import pytest

from workspaced_client import Client
from workspaced_client.testing import Daemon

SEEN = dict(os.environ)


def test_a_client_of_an_empty_daemon(workspaced_client: Client, workspaced_daemon: Daemon) -> None:
    assert workspaced_client.workspaces.list() == []
    status = workspaced_client.daemon.status()
    assert status.pid == workspaced_daemon.pid
    assert status.socket == str(workspaced_daemon.socket)
    assert status.data_dir == str(workspaced_daemon.data_dir)
    workspaced_client.workspaces.create("shop", "/srv/shop")
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**SEEN, "PYTEST_CURRENT_TEST": ""}


def test_a_restart_is_another_process(workspaced_daemon: Daemon) -> None:
    before = workspaced_daemon.pid
    workspaced_daemon.restart()
    assert workspaced_daemon.pid != before
    workspaced_daemon.send_signal(signal.SIGSTOP)  # and it is left so


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_under_asyncio(workspaced_daemon: Daemon, anyio_backend: str) -> None:
    async with workspaced_daemon.async_client() as client:
        assert await client.workspaces.list() == []
"""

BAD = """
from workspaced_client.testing import daemon


def test_fails(workspaced_client, workspaced_daemon):
    workspaced_client.workspaces.create("shop", "/srv/shop")
    workspaced_daemon.kill()
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


WITHOUT_PYTEST = """
import time
from pathlib import Path

from workspaced_client.testing import daemon

with daemon() as running:
    Path("begun").write_text(str(running.socket))
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


class Report(NamedTuple):
    """What a project's tests told, and what was left of their daemons."""

    text: str
    left: list[str]


@pytest.fixture(scope="module")
def report() -> Iterator[Report]:
    """The report of a project whose tests run in two processes at the same time; some of them fail."""
    with new_home() as home:
        project = Project(home.root, GOOD)
        (home.root / "test_published.py").write_text(PUBLISHED)
        (home.root / "test_bad.py").write_text(BAD)
        done = project.run("-n", "2")
        yield Report(done.stdout + done.stderr, project.left())


def test_a_project_of_its_own_tests_with_real_daemons(report: Report) -> None:
    assert "2 failed, 6 passed" in report.text, report.text
    assert report.left == []


def test_a_failure_is_told_with_the_log_of_the_daemon(report: Report) -> None:
    assert "a defect of the app" in report.text
    assert "method=daemon.hello" in report.text.partition("Captured workspaced teardown")[2]


def test_a_daemon_that_can_not_start_fails_the_test_with_its_reason(report: Report) -> None:
    assert "DaemonFailed: The daemon ended with 78 before it was ready. It wrote:" in report.text
    assert "it is “loud”" in report.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_is_left_of_tests_that_are(place: Path, number: signal.Signals) -> None:
    project = Project(place, ENDLESS)
    begun = place / "begun"
    command = project.command if number == signal.SIGINT else [sys.executable, "-c", WITHOUT_PYTEST]
    with subprocess.Popen(command, cwd=place, env=project.environment, stdout=subprocess.DEVNULL) as tests:
        try:
            wait_until(lambda: begun.exists() and bool(begun.read_text()), "the test did not begin")
            with RawConnection(Path(begun.read_text())) as connection:
                connection.call("daemon.ping")
                tests.send_signal(number)
                with pytest.raises(EOFError):  # the daemon has ended
                    connection.receive()
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
