"""What the tests of the MCP server share: a daemon, and names that no test had before."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from support.daemon_process import DaemonProcess, running_daemon

NewName = Callable[[], str]

_numbers = count(1)


@pytest.fixture(scope="module")
def daemon() -> Iterator[DaemonProcess]:
    """A daemon for the tests of a module that need none of their own."""
    with running_daemon() as daemon:
        yield daemon


@pytest.fixture
def new_name() -> NewName:
    """Give a workspace name that no test had before."""
    return lambda: f"Name {next(_numbers)}"
