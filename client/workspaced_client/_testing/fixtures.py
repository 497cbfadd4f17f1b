"""The fixtures of the pytest plugin: a daemon for each test that asks for one, and a client of it."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from workspaced_client._testing.daemon import Daemon, daemon

if TYPE_CHECKING:
    from workspaced_client._sync.client import Client


@pytest.fixture
def workspaced_daemon(request: pytest.FixtureRequest) -> Generator[Daemon]:
    """A real daemon of this test's own, empty and ready: its `socket`, `data_dir`, `client()`, `kill()`, `restart()`."""
    with daemon() as running:
        yield running
    request.node.add_report_section("teardown", "workspaced", running.log)  # printed where the test fails


@pytest.fixture
def workspaced_client(workspaced_daemon: Daemon) -> "Generator[Client]":
    """A blocking client of this test's daemon."""
    with workspaced_daemon.client() as client:
        yield client
