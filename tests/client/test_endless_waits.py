"""Timeouts that never come, or are longer than the system's calls take: they are waited for in parts."""

import itertools
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from client.conftest import Begin, Serve
from client.fake_server import HELLO, PATIENCE_SECONDS, Peer
from client.flavours import connected
from workspaced_client import Client
from workspaced_client._sync import connection, event_socket, waiting

LONG = "x" * (4 * 1024 * 1024)
"""More than the buffers of a socket take."""


class Parts:
    """In place of `remaining`: each wait is over at once, and `enough` is set after a few of one thread."""

    def __init__(self, name: str) -> None:
        self.enough = threading.Event()
        self._name = name
        self._count = itertools.count(1)

    def __call__(self, deadline: float, _now: float) -> float:
        if threading.current_thread().name.startswith(self._name) and next(self._count) > 3:
            self.enough.set()
        assert deadline == math.inf
        return 0.001


@pytest.mark.parametrize("seconds", [math.inf, 2 * threading.TIMEOUT_MAX])
def test_a_client_connects_again(flavour: str, serve: Serve, seconds: float) -> None:
    connections = itertools.count()

    def script(peer: Peer) -> None:
        if next(connections) == 0:
            peer.greet()
            peer.request()
            return
        peer.answer(peer.expect("daemon.hello"), HELLO)
        while True:
            peer.answer(peer.expect("daemon.ping"), "pong")

    with connected(flavour, serve(script), seconds, reconnect=True) as client:
        for _ in range(2):
            client.daemon.ping()
    assert next(connections) == 2


def test_a_request_waits_for_another_on_its_way_out(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    parts = Parts("second")

    def script(peer: Peer) -> None:
        peer.see_a_beginning()
        begun.set()
        assert parts.enough.wait(PATIENCE_SECONDS)
        for _ in range(2):
            request = peer.request()
            peer.answer(request, request.method)

    client = begin(script)
    with ThreadPoolExecutor(1, "first") as one, ThreadPoolExecutor(1, "second") as another:
        monkeypatch.setattr(connection, "remaining", parts)
        monkeypatch.setattr(waiting, "remaining", parts)
        first = one.submit(client.call, "first", {"text": LONG}, timeout_seconds=math.inf)
        assert begun.wait(PATIENCE_SECONDS)
        second = another.submit(client.call, "second", timeout_seconds=math.inf)
        assert second.result(PATIENCE_SECONDS) == "second"
        assert first.result(PATIENCE_SECONDS) == "first"


def test_a_stream_waits_for_its_subscription(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(threading.current_thread().name)
    connections = itertools.count()

    def script(peer: Peer) -> None:
        is_the_clients = next(connections) == 0
        peer.greet()
        if is_the_clients:
            peer.request()
        request = peer.expect("events.subscribe")
        assert parts.enough.wait(PATIENCE_SECONDS)
        peer.answer(request, {"revision": 7})
        peer.request()

    with Client.connect(serve(script), timeout_seconds=math.inf) as client:
        monkeypatch.setattr(event_socket, "remaining", parts)
        with client.events() as stream:
            assert stream.revision == 7
