"""What the client's tests share: a directory for sockets, servers with a script, connected clients."""

import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from client.fake_server import PATIENCE_SECONDS, FakeServer, Script, greeting
from client.flavours import BACKENDS, FLAVOURS, connected
from workspaced_client import Client

Serve = Callable[[Script], Path]
Connect = Callable[..., Client]
Begin = Callable[[Script], Client]
Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture
def socket_dir() -> Iterator[Path]:
    """A directory with a short name: a socket's path has at most some hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="wsd-") as name:
        yield Path(name)


@pytest.fixture
def serve(socket_dir: Path) -> Iterator[Serve]:
    """Starts a server with a script, and gives its socket's path."""
    with ExitStack() as stack:

        def start(script: Script) -> Path:
            path = socket_dir / f"{len(list(socket_dir.iterdir()))}.sock"
            stack.enter_context(FakeServer(path, script))
            return path

        yield start


@pytest.fixture(params=FLAVOURS)
def flavour(request: pytest.FixtureRequest) -> str:
    """Each of the clients in turn."""
    return str(request.param)


@pytest.fixture
def connect(flavour: str, serve: Serve) -> Iterator[Connect]:
    """Starts a server with a script, and connects a client of each flavour to it."""
    with ExitStack() as stack:

        def start(script: Script, timeout_seconds: float = 10.0) -> Client:
            return stack.enter_context(connected(flavour, serve(script), timeout_seconds))

        yield start


@pytest.fixture
def begin(serve: Serve) -> Iterator[Begin]:
    """Starts a server with a script, and connects a blocking client to it."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(Client.connect(serve(greeting(script)), reconnect=False))


@pytest.fixture(params=BACKENDS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs an async function under each of the two."""

    def run_it(main: Callable[[], Awaitable[None]]) -> None:
        async def in_time() -> None:
            with anyio.fail_after(2 * PATIENCE_SECONDS):
                await main()

        anyio.run(in_time, backend=request.param)

    return run_it
