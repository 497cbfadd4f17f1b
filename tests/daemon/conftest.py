"""What the daemon's tests share: a store whose commits wait, a daemon, the log, and a directory for sockets."""

import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from support.logs import EventDict, capture_logs
from support.manager import Manager
from support.running import Running
from support.samples import STATE
from support.scripted_store import GatedStore
from support.serving import Client, Daemon, Serve
from workspaced.process import log
from workspaced.rpc.request_log import SLOW_REQUEST_MS
from workspaced.settings.model import Settings
from workspaced.store import InMemoryWorkspaceStore, WorkspaceStore
from workspaced_protocol.framing import MAX_LINE_BYTES


@pytest.fixture
async def gated() -> AsyncIterator[GatedStore]:
    """A store whose commits wait for the test; those that still wait at its end are let go."""
    store = GatedStore()
    yield store
    store.open()


@pytest.fixture
async def serve(nursery: trio.Nursery, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts a daemon that runs until the test ends, on a store in memory or on the one that is given."""
    with ExitStack() as stack:

        async def start(
            store: WorkspaceStore | None = None,
            *,
            max_line_bytes: int = MAX_LINE_BYTES,
            slow_request_ms: float = SLOW_REQUEST_MS,
            machine: str | None = None,
            host_name: str | None = None,
        ) -> Daemon:
            daemon = Daemon(nursery, store or InMemoryWorkspaceStore(), tmp_path / "data", machine, host_name)
            daemon.server.max_line_bytes = max_line_bytes
            daemon.server.log.apply_settings(slow_request_ms)
            stack.callback(daemon.close)
            await nursery.start(daemon.run)
            return daemon

        yield start


@pytest.fixture(autouse=True)
def _log_level() -> Iterator[None]:
    """What a daemon logs where nobody has chosen a level."""
    log.set_level("info")
    yield
    log.set_level("info")


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """All that is logged, in order."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def logged_in_full(logged: list[EventDict]) -> list[EventDict]:
    """The same, with what is for those who look for a defect."""
    log.set_level("debug")
    return logged


@pytest.fixture
def socket_dir() -> Iterator[Path]:
    """A directory with a short name: a socket's path has at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        yield Path(name)


@pytest.fixture
def manager(socket_dir: Path) -> Iterator[Manager]:
    """A service manager that can be told."""
    manager = Manager(socket_dir / "notify")
    with manager.socket:
        yield manager


@pytest.fixture
async def daemon(serve: Serve) -> Daemon:
    """Holds Alpha (ws_01, active), Beta (ws_02, closed) and Gone (ws_03, deleted) at revision 9."""
    store = InMemoryWorkspaceStore()
    store.state = STATE
    return await serve(store)


@pytest.fixture
async def client(daemon: Daemon) -> Client:
    """A client of that daemon."""
    return daemon.connect()


@pytest.fixture
def traced() -> Iterator[None]:
    """Measures what is allocated."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def settings(tmp_path: Path, socket_dir: Path) -> Settings:
    """A data directory and a socket of the test's own."""
    return Settings(data_dir=tmp_path / "data", socket=socket_dir / "x.sock")


@pytest.fixture
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A whole daemon with these settings, not started yet."""
    running = Running(settings)
    yield running
    running.close()
