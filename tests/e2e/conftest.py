"""What the end-to-end tests share: homes for daemons, daemons, and connections to them."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from typing import Any

import pytest

from support.daemon_process import DaemonProcess, Home, new_home, running_daemon
from support.raw_connection import RawConnection

StartDaemon = Callable[..., DaemonProcess]
Connect = Callable[[], RawConnection]
NewName = Callable[[], str]

_numbers = count(1)


@pytest.fixture(autouse=True)
def _unmeasured(unmeasured: None) -> None:
    """Measure no coverage in the test's own process: what is tested here is another one."""


@pytest.fixture
def home() -> Iterator[Home]:
    """A home for a daemon of the test's own."""
    with new_home() as home:
        yield home


@pytest.fixture
def start(home: Home) -> Iterator[StartDaemon]:
    """Start a daemon in the home, wait until it answers, and kill it in the end, before its home goes."""
    with ExitStack() as stack:

        def start(*arguments: str, **options: Any) -> DaemonProcess:
            daemon = DaemonProcess(home, *arguments, **options)
            stack.callback(daemon.close)
            return daemon.start()

        yield start


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """The home of the daemon that a module's tests share."""
    with new_home() as home:
        yield home


@pytest.fixture(scope="module")
def shared_daemon(shared_home: Home) -> Iterator[DaemonProcess]:
    """A daemon for the tests of a module that need none of their own."""
    with running_daemon(shared_home) as daemon:
        yield daemon


@pytest.fixture
def connect(shared_daemon: DaemonProcess, shared_home: Home) -> Iterator[Connect]:
    """Connect to the shared daemon; what is still open after the test is closed."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RawConnection(shared_home.socket))


@pytest.fixture
def connection(connect: Connect) -> RawConnection:
    """A connection to the shared daemon."""
    return connect()


@pytest.fixture
def new_name() -> NewName:
    """Give a workspace name that no test had before."""
    return lambda: f"Name {next(_numbers)}"


@pytest.fixture(scope="module")
def latin_1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a locale in Latin-1."""
    if shutil.which("localedef") is None:
        pytest.skip("there is no localedef to make a locale in Latin-1 with")
    locales = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(locales / "en_US.ISO-8859-1")]
    subprocess.run(command, capture_output=True, check=False)  # it warns with code 1
    if not (locales / "en_US.ISO-8859-1").exists():
        pytest.skip("localedef can't make en_US.ISO-8859-1 here: its sources are missing")
    return {"LOCPATH": str(locales), "LC_ALL": "en_US.ISO-8859-1"}
