"""The connections of a stream of events: how it comes to one, whose it is, and how it ends."""

import itertools
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from client.conftest import Run, Serve
from client.event_lives import Life, notification, scripted
from client.fake_server import HELLO, PATIENCE_SECONDS, Peer
from client.flavours import subscribed
from workspaced_client import (
    NotResponding,
    UsedAfterFork,
    WorkspacedError,
)
from workspaced_client._async import connection as async_connection
from workspaced_client._async import event_socket as async_event_socket
from workspaced_client._async import events as async_events
from workspaced_client._async import opening as async_opening
from workspaced_client._core.connecting import try_to_connect
from workspaced_client._sync import events as sync_events
from workspaced_client._sync import opening as sync_opening
from workspaced_client.aio import AsyncClient
from workspaced_client.events import Event, EventStream

CREATED = notification("workspace.created", 6, 1)


def revisions(events: EventStream, count: int) -> list[int]:
    return [event.revision for event in itertools.islice(events, count) if isinstance(event, Event)]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> "Room":
    return Room(monkeypatch)


class Room:
    """Lets the daemon's queue of connections seem full, but for each third try."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stays_full = False
        self.refused = threading.Event()
        self._tries = itertools.count(1)
        for module in (sync_opening, async_opening):
            monkeypatch.setattr(module, "try_to_connect", self._try_to_connect)

    def _try_to_connect(self, path: str) -> socket.socket | None:
        if self.stays_full or next(self._tries) % 3:
            self.refused.set()
            return None
        return try_to_connect(path)


def test_a_stream_waits_for_room(flavour: str, serve: Serve, room: Room) -> None:
    with subscribed(flavour, scripted(serve, Life(1, 5, CREATED))) as events:
        assert room.refused.is_set()
        assert revisions(events, 1) == [6]


def test_a_close_ends_the_wait_for_room(flavour: str, serve: Serve, room: Room) -> None:
    lost = threading.Event()

    def full(_error: WorkspacedError) -> None:
        room.stays_full = True
        room.refused.clear()
        lost.set()

    path = scripted(serve, Life(1, 5), Life(1, 5))
    with ThreadPoolExecutor(1) as pool, subscribed(flavour, path, on_lost=full) as events:
        rest = pool.submit(list, events)
        assert lost.wait(PATIENCE_SECONDS)
        assert room.refused.wait(PATIENCE_SECONDS)
        events.close()
        assert rest.result(PATIENCE_SECONDS / 4) == []  # less than it waits for room


def test_a_subscription_that_is_never_answered(flavour: str, serve: Serve) -> None:
    hung_up = threading.Event()
    connections = itertools.count()

    def script(peer: Peer) -> None:
        is_the_clients = next(connections) == 0
        peer.greet()
        if not is_the_clients:
            peer.expect("events.subscribe")
            assert peer.socket.recv(1) == b""
            hung_up.set()
        peer.request()

    path = serve(script)
    with (
        pytest.raises(NotResponding, match=r"answer events\.subscribe within 0\.5 seconds"),
        subscribed(flavour, path, timeout_seconds=0.5),
    ):
        raise AssertionError("not reached")
    assert hung_up.wait(PATIENCE_SECONDS)


def test_closed_as_it_connects_it_leaves_no_connection(
    flavour: str, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = threading.Event()
    connections = itertools.count()
    streams: list[Any] = []

    def script(peer: Peer) -> None:
        if (number := next(connections)) == 0:
            peer.greet()
            peer.request()
        elif number == 1:
            Life(1, 5).serve(peer, stays=False)
        else:
            assert peer.socket.recv(1) == b""
            left.set()

    def closed(connected: socket.socket) -> socket.socket:
        if streams:
            streams[0].close()
        return connected

    async def open_socket(*arguments: Any) -> socket.socket:
        return closed(await async_opening.open_socket(*arguments))

    monkeypatch.setattr(async_events, "open_socket", open_socket)
    monkeypatch.setattr(sync_events, "open_socket", lambda *a: closed(sync_opening.open_socket(*a)))
    with subscribed(flavour, serve(script)) as events:
        streams.append(getattr(events, "_stream", events))
        assert list(events) == []
        assert left.wait(PATIENCE_SECONDS)


def test_a_closed_stream_gives_no_more(flavour: str, serve: Serve) -> None:
    chunk = CREATED + notification("workspace.created", 7, 2)
    with subscribed(flavour, scripted(serve, Life(1, 5, chunk))) as events:
        assert revisions(events, 1) == [6]
        events.close()
        assert list(events) == []
        assert events.revision == 6


def test_an_error_of_on_found_is_the_apps_own(flavour: str, serve: Serve) -> None:
    lost: list[WorkspacedError] = []
    found: list[int] = []

    def on_found() -> None:
        found.append(1)
        raise NotResponding("workspace.list", 10.0)

    path = scripted(serve, Life(1, 5), Life(1, 5, CREATED))
    with subscribed(flavour, path, on_lost=lost.append, on_found=on_found) as events:
        with pytest.raises(NotResponding):
            next(events)
        assert revisions(events, 1) == [6]
    assert (len(lost), len(found)) == (1, 1)


class Hasty(Life):
    """Tells of its events before it answers who it is."""

    def serve(self, peer: Peer, *, stays: bool) -> None:
        peer.answer(peer.expect("daemon.hello"), HELLO)
        status, subscription = peer.expect("daemon.status"), peer.expect("events.subscribe")
        peer.answer(subscription, {"revision": self._revision})
        peer.send(notification("workspace.created", 8, 1) + notification("workspace.created", 9, 2))
        peer.answer(status, self._status)
        peer.send(notification("workspace.created", 10, 3))
        peer.request()


def test_events_that_come_before_it_is_known_of_which_daemon_they_are(flavour: str, serve: Serve) -> None:
    first = Life(1, 5, CREATED + notification("workspace.created", 7, 2))
    with subscribed(flavour, scripted(serve, first, Hasty(2, 9))) as events:
        assert revisions(events, 5) == [6, 7, 8, 9, 10]


FORKING = """
import os, sys, threading
from workspaced_client import Client, UsedAfterFork
client = Client.connect(sys.argv[1])
with client.events(on_lost=print) as events:
    given = []
    reader = threading.Thread(target=lambda: given.append(next(events)))
    reader.start()
    while not events._socket._in_use:  # as is so for all time but a moment
        pass
    if os.fork() == 0:
        try:
            next(events)
        except UsedAfterFork as error:
            assert error.pid == os.getppid()
            events.close()
            os._exit(7)
        os._exit(1)
    _, status = os.wait()
    client.call("go")
    reader.join()
    print(os.waitstatus_to_exitcode(status), given[0].revision)
client.close()
"""


def test_a_forked_child_takes_no_event_and_ends_no_stream(serve: Serve) -> None:
    go = threading.Event()
    connections = itertools.count()

    def script(peer: Peer) -> None:
        if next(connections) == 0:
            peer.greet()
            peer.answer(peer.expect("go"), None)
            go.set()
            peer.request()
        else:
            Life(1, 5, go, CREATED).serve(peer, stays=True)

    done = subprocess.run(
        [sys.executable, "-c", FORKING, str(serve(script))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("7 6\n", "")


def test_an_async_child_takes_no_event_and_ends_no_connection(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[socket.socket] = []
    for module in (async_event_socket, async_connection):
        monkeypatch.setattr(module, "shut_down", ended.append)
    path = scripted(serve, Life(1, 5))

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with (
                AsyncClient.connect(path) as client,
                client.events() as events,
                anyio.create_task_group() as group,
            ):
                group.start_soon(events.__anext__)
                await anyio.wait_all_tasks_blocked()
                monkeypatch.setattr("os.getpid", lambda: -1)
                with pytest.raises(UsedAfterFork):
                    await anext(events)
                events.close()
                scope.cancel()

    run(main)
    assert ended == []
