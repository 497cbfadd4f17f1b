"""Clients that are closed, or out of time, while calls wait: for answers, or for a daemon that was lost."""

import itertools
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import anyio
import pytest

from client.conftest import Run, Serve
from client.fake_server import HELLO, PATIENCE_SECONDS, Peer, Script, greeting
from client.flavours import connected
from workspaced_client import Client, ConnectionLost, NotResponding
from workspaced_client._async import calls as async_calls
from workspaced_client._async import opening as async_opening
from workspaced_client._core import attempts
from workspaced_client._sync import calls, opening
from workspaced_client._sync.opening import open_socket
from workspaced_client._sync.waiting import Closed
from workspaced_client.aio import AsyncClient

LONG = "x" * (4 * 1024 * 1024)
"""More than the buffers of a socket take."""

LONG_SECONDS = 4 * PATIENCE_SECONDS


def test_a_client_ends_with_its_block(flavour: str, serve: Serve) -> None:
    hung_up = Event()

    def script(peer: Peer) -> None:
        assert peer.socket.recv(10) == b""
        hung_up.set()

    path = serve(greeting(script))
    with pytest.raises(KeyError, match="the body"), connected(flavour, path):
        raise KeyError("the body")
    assert hung_up.wait(PATIENCE_SECONDS)


def test_a_closed_client_tells_so_when_it_is_used_again(serve: Serve) -> None:
    client = Client.connect(serve(greeting(lambda _peer: None)))
    client.close()
    told = r"^events\.subscribe got no answer, because the connection ended: this client was closed\.$"
    with pytest.raises(ConnectionLost, match=told):
        client.events()
    with (
        pytest.raises(RuntimeError, match=r"^This client was closed: make another one with Client\.connect"),
        client,
    ):
        pytest.fail("it was entered")


def test_a_closed_async_client_tells_so_when_it_is_used_again(run: Run, serve: Serve) -> None:
    path = serve(greeting(lambda _peer: None))

    async def main() -> None:
        async with AsyncClient.connect(path) as client:
            stream = client.events()
        with pytest.raises(ConnectionLost, match="ended: this client was closed"):
            client.events()
        stream.close()
        with pytest.raises(ConnectionLost, match="ended: this stream was closed"):
            async with stream:
                pytest.fail("it was entered")

    run(main)


def test_the_end_of_the_block_ends_the_calls_of_others(flavour: str, serve: Serve) -> None:
    """Of one that waits for its answer, one whose request is on its way out, and one that waits to send."""
    asked, begun, told = Event(), Event(), Event()

    def script(peer: Peer) -> None:
        peer.expect("waiting")
        asked.set()
        peer.see_a_beginning()
        begun.set()
        assert told.wait(PATIENCE_SECONDS)

    with ThreadPoolExecutor(3) as pool:
        with connected(flavour, serve(greeting(script)), LONG_SECONDS) as client:
            waiting = pool.submit(client.call, "waiting")
            assert asked.wait(PATIENCE_SECONDS)
            sending = pool.submit(client.call, "sending", {"text": LONG})
            assert begun.wait(PATIENCE_SECONDS)
            queued = pool.submit(client.call, "queued")
            with pytest.raises(NotResponding):  # so the one before has got as far
                client.call("also queued", timeout_seconds=0.05)
        for method, call in (("waiting", waiting), ("sending", sending), ("queued", queued)):
            with pytest.raises(ConnectionLost, match="this client was closed") as caught:
                call.result(PATIENCE_SECONDS)
            assert caught.value.method == method
        told.set()


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Lets clients wait for longer than any test before they look for a daemon again; set when one begins to."""
    begun = Event()

    def pauses_seconds() -> Iterator[float]:
        begun.set()
        yield 3 * PATIENCE_SECONDS

    monkeypatch.setattr(attempts, "pauses_seconds", pauses_seconds)
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


class LostOnce:
    """A daemon that is lost once, and then takes connections and answers their hello."""

    def __init__(self) -> None:
        self._connections = itertools.count()

    def __call__(self, peer: Peer) -> None:
        if next(self._connections) == 0:
            peer.greet()
        else:
            peer.answer(peer.expect("daemon.hello"), HELLO)
        peer.request()


def test_closing_ends_the_hello_and_the_waits_for_it(flavour: str, serve: Serve) -> None:
    daemon = SilentAgain()
    with ThreadPoolExecutor(2) as pool:
        with connected(flavour, serve(daemon), LONG_SECONDS, reconnect=True) as client:
            methods = ("daemon.ping", "daemon.status")  # one waits for the hello, the other for its turn
            waiting = [pool.submit(client.call, method) for method in methods]
            assert daemon.asked.wait(PATIENCE_SECONDS)
        for method, call in zip(methods, waiting, strict=True):
            with pytest.raises(ConnectionLost, match="this client was closed") as caught:
                call.result(PATIENCE_SECONDS)
            assert caught.value.method == method
    assert daemon.left.wait(PATIENCE_SECONDS)


def test_closing_just_before_the_hello_ends_it(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = SilentAgain()
    with ThreadPoolExecutor(1) as pool, Client.connect(serve(daemon), timeout_seconds=LONG_SECONDS) as client:

        def closing(path: str, deadline: float, timeout_seconds: float, closed: Closed) -> socket.socket:
            connection = open_socket(path, deadline, timeout_seconds, closed)
            client.close()
            return connection

        monkeypatch.setattr(calls, "open_socket", closing)
        with pytest.raises(ConnectionLost, match="this client was closed"):
            pool.submit(client.call, "daemon.ping").result(PATIENCE_SECONDS)


def test_closing_ends_the_wait_for_room(flavour: str, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Event()

    def full(_path: str) -> None:
        waiting.set()

    with ThreadPoolExecutor(1) as pool:
        with connected(flavour, serve(SilentAgain()), LONG_SECONDS, reconnect=True) as client:
            for module in (opening, async_opening):
                monkeypatch.setattr(module, "try_to_connect", full)
            call = pool.submit(client.call, "daemon.ping")
            assert waiting.wait(PATIENCE_SECONDS)
        with pytest.raises(ConnectionLost, match="this client was closed"):
            call.result(PATIENCE_SECONDS)


@pytest.mark.parametrize("step", ["open_socket", "_greet"])
def test_closed_as_a_step_to_a_new_connection_is_done(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The block, and with it the group of its tasks, is over before its caller goes on."""
    path = serve(LostOnce())
    do_step = getattr(async_calls, step)

    async def call(client: AsyncClient) -> None:
        with pytest.raises(ConnectionLost, match="this client was closed"):
            await client.daemon.ping()

    async def main() -> None:
        done, left = anyio.Event(), anyio.Event()

        async def do_step_and_wait(*arguments: object) -> object:
            result = await do_step(*arguments)
            with anyio.CancelScope(shield=True):
                done.set()
                await left.wait()
            return result

        async with anyio.create_task_group() as group:
            async with AsyncClient.connect(path, timeout_seconds=LONG_SECONDS) as client:
                monkeypatch.setattr(async_calls, step, do_step_and_wait)
                group.start_soon(call, client)
                await done.wait()
            left.set()

    run(main)


def test_none_waits_for_anothers_hello_longer_than_it_may(flavour: str, serve: Serve) -> None:
    daemon = SilentAgain()
    with ThreadPoolExecutor(1) as pool, connected(flavour, serve(daemon), reconnect=True) as client:
        patient = pool.submit(client.call, "daemon.ping", timeout_seconds=1.0)
        assert daemon.asked.wait(PATIENCE_SECONDS)
        with pytest.raises(NotResponding, match=r"accept the connection within 0\.05 seconds"):
            client.call("daemon.ping", timeout_seconds=0.05)
        assert isinstance(patient.exception(PATIENCE_SECONDS), ConnectionLost)
