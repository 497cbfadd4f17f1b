"""Clients that are closed, or whose time is over, while they look for a daemon that they have lost."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import anyio
import pytest

from client.conftest import Run, Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Script
from client.flavours import connected, happened
from workspaced_client import ConnectionLost, NotResponding, _attempts
from workspaced_client.aio import AsyncClient

LONG_SECONDS = 4 * PATIENCE_SECONDS


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Lets clients wait for longer than any test before they look for a daemon again; set when one begins to."""
    begun = Event()

    def pauses_seconds() -> Iterator[float]:
        begun.set()
        yield 3 * PATIENCE_SECONDS

    monkeypatch.setattr(_attempts, "pauses_seconds", pauses_seconds)
    return begun


def leaving(peer: Peer) -> None:
    """Reads a request, and is away for good."""
    peer.greet()
    peer.request()
    Path(peer.socket.getsockname()).unlink()


def stopping(peer: Peer) -> None:
    """Answers that it stops, and does not."""
    peer.greet()
    peer.refuse(peer.request().id, 2005, "The daemon is stopping.", {"kind": "shuttingDown"})
    peer.request()


@pytest.mark.parametrize(("script", "may_be_applied"), [(leaving, True), (stopping, False)])
def test_closing_ends_the_wait_for_a_daemon(
    flavour: str, serve: Serve, pausing: Event, script: Script, may_be_applied: bool
) -> None:
    with ThreadPoolExecutor(1) as pool:
        with connected(flavour, serve(script), LONG_SECONDS, reconnect=True) as client:
            call = pool.submit(client.workspaces.create, "Alpha", "/alpha")
            assert pausing.wait(PATIENCE_SECONDS)
        with pytest.raises(ConnectionLost, match="this client was closed") as caught:
            call.result(PATIENCE_SECONDS)
    assert caught.value.outcome_unknown == may_be_applied


class SilentAgain:
    """A daemon that is lost once, and then takes connections but says nothing."""

    def __init__(self) -> None:
        self.asked = Event()
        self.left = Event()
        self._connections = itertools.count()

    def __call__(self, peer: Peer) -> None:
        if next(self._connections) == 0:
            peer.greet()
            peer.request()
            return
        peer.expect("daemon.hello")
        self.asked.set()
        assert peer.socket.recv(10) == b""
        self.left.set()


def test_closing_ends_the_hello_and_those_who_wait_for_it(run: Run, serve: Serve) -> None:
    daemon = SilentAgain()
    path = serve(daemon)
    lost: list[str] = []

    async def call(client: AsyncClient, method: str) -> None:
        with pytest.raises(ConnectionLost, match="this client was closed") as caught:
            await client.call(method)
        lost.append(caught.value.method)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            async with AsyncClient.connect(path, timeout_seconds=LONG_SECONDS) as client:
                group.start_soon(call, client, "daemon.ping")
                await happened(daemon.asked)
                group.start_soon(call, client, "daemon.status")
                await anyio.wait_all_tasks_blocked()
            await happened(daemon.left)

    run(main)
    assert sorted(lost) == ["daemon.ping", "daemon.status"]


def test_none_waits_for_anothers_hello_longer_than_it_may(flavour: str, serve: Serve) -> None:
    daemon = SilentAgain()
    with ThreadPoolExecutor(1) as pool, connected(flavour, serve(daemon), reconnect=True) as client:
        patient = pool.submit(client.call, "daemon.ping", timeout_seconds=1.0)
        assert daemon.asked.wait(PATIENCE_SECONDS)
        with pytest.raises(NotResponding, match=r"accept the connection within 0\.05 seconds"):
            client.call("daemon.ping", timeout_seconds=0.05)
        assert isinstance(patient.exception(PATIENCE_SECONDS), ConnectionLost)
