"""What the end-to-end tests share: homes for daemons, daemons, and connections to them."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count

import pytest

from e2e.daemon_process import WORKSPACED, DaemonProcess, Home, new_home
from e2e.raw_connection import RawConnection

StartDaemon = Callable[..., DaemonProcess]
Connect = Callable[[], RawConnection]
NewName = Callable[[], str]

_numbers = count(1)


@pytest.fixture
def home() -> Iterator[Home]:
    """A home for a daemon of the test's own."""
    with new_home() as home:
        yield home


@pytest.fixture
def start(home: Home) -> Iterator[StartDaemon]:
    """Starts a daemon in the home, waits until it answers, and kills it in the end, before its home goes."""
    with ExitStack() as stack:

        def start(*arguments: str, launcher: Sequence[str] = ()) -> DaemonProcess:
            daemon = DaemonProcess(
                home.root, (*home.arguments(), *arguments), command=(*launcher, *WORKSPACED)
            )
            stack.callback(daemon.close)
            daemon.wait_ready(home.socket)
            return daemon

        yield start


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    """The home of the daemon that a module's tests share."""
    with new_home() as home:
        yield home


@pytest.fixture(scope="module")
def shared_daemon(shared_home: Home) -> Iterator[DaemonProcess]:
    """A daemon for the tests of a module that need none of their own."""
    daemon = DaemonProcess(shared_home.root, shared_home.arguments())
    try:
        daemon.wait_ready(shared_home.socket)
        yield daemon
        assert daemon.stop(signal.SIGTERM) == 0
    finally:
        daemon.close()


@pytest.fixture
def connect(shared_daemon: DaemonProcess, shared_home: Home) -> Iterator[Connect]:
    """Connects to the shared daemon; what is still open after the test is closed."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(RawConnection(shared_home.socket))


@pytest.fixture
def connection(connect: Connect) -> RawConnection:
    """A connection to the shared daemon."""
    return connect()


@pytest.fixture
def new_name() -> NewName:
    """Gives a workspace name that no test had before."""
    return lambda: f"Name {next(_numbers)}"
