"""Connections that are lost under a client: what is asked again, what is not, and what is told of it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Serve
from client.fake_server import PATIENCE_SECONDS, Peer, Request, Script, line
from client.flavours import connected
from support.daemon_process import running_daemon
from workspaced_client import Client, ConnectionLost, NotFound, NotRunning, SessionsLost

WORKSPACE = {
    "id": "ws_1",
    "name": "Alpha",
    "rootPath": "/a",
    "state": "active",
    "createdAt": 1,
    "updatedAt": 1,
    "revision": 1,
    "projects": [],
}
SESSION = {"id": "ss_1", "workspaceId": "ws_1", "label": None, "pid": 1, "startedAt": 1}

Begin = Callable[[Script], Client]


@pytest.fixture
def begin(flavour: str, serve: Serve) -> Iterator[Begin]:
    """Starts a server with a script, and connects a client of each flavour that connects again."""
    with ExitStack() as stack:
        yield lambda script, seconds=10.0: stack.enter_context(  # type: ignore[misc]  # a default has no type here
            connected(flavour, serve(script), seconds, reconnect=True)
        )


class Scripts:
    """One script for each connection in turn; the last one for all after it. Notes every request."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self._scripts: list[Script] = []
        self._lock = threading.Lock()
        self._greeted = False

    def __call__(self, peer: Peer) -> None:
        with self._lock:
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            first, self._greeted = not self._greeted, True
        if first:
            peer.greet()
        else:
            peer.answer(
                peer.expect("daemon.hello"), {"server": "", "version": "", "protocol": 1, "capabilities": []}
            )
        script(peer)

    def then(self, *scripts: Script) -> "Scripts":
        """Sets the scripts."""
        self._scripts += scripts
        return self

    def request(self, peer: Peer) -> Request:
        """The next request, noted."""
        request = peer.request()
        self.asked.append(request)
        return request

    def answering(self, reply: Callable[[Request], object]) -> Script:
        """Answers every request."""

        def script(peer: Peer) -> None:
            while True:
                request = self.request(peer)
                peer.answer(request, reply(request))

        return script


def cut_before_reading(peer: Peer) -> None:
    peer.socket.close()


def cut_in_a_request(peer: Peer) -> None:
    peer.see_a_beginning()
    peer.socket.close()


def cut_after_a_request(peer: Peer) -> None:
    peer.request()
    peer.socket.close()


def cut_in_an_answer(peer: Peer) -> None:
    request = peer.request()
    peer.send(line({"jsonrpc": "2.0", "id": request.id, "result": WORKSPACE})[:30])
    peer.socket.close()


CUTS = [cut_before_reading, cut_in_a_request, cut_after_a_request, cut_in_an_answer]


@pytest.mark.parametrize("cut", CUTS)
def test_a_read_is_asked_again(begin: Begin, cut: Script) -> None:
    scripts = Scripts()
    scripts.then(cut, cut, scripts.answering(lambda _: WORKSPACE))
    assert begin(scripts).workspaces.get("ws_1").name == "Alpha"
    assert [request.method for request in scripts.asked] == ["workspace.get"]


@pytest.mark.parametrize("cut", [cut_after_a_request, cut_in_an_answer])
def test_a_write_is_sent_again_under_the_same_key(begin: Begin, cut: Script) -> None:
    keys: list[str | None] = []

    def noting(peer: Peer) -> None:
        keys.append(peer.request().key)
        peer.socket.close()

    scripts = Scripts()
    scripts.then(noting, noting, scripts.answering(lambda _: WORKSPACE))
    client = begin(scripts)
    assert client.workspaces.create("Alpha", "/a").id == "ws_1"
    keys += [request.key for request in scripts.asked]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert keys[0]
    assert len(keys[0]) <= 128
    client.workspaces.create("Beta", "/b")
    assert scripts.asked[-1].key not in keys


def test_writes_with_plain_values_carry_a_key_too_and_keep_one_of_the_apps_own(begin: Begin) -> None:
    scripts = Scripts()
    scripts.then(scripts.answering(lambda _: None))
    client = begin(scripts)
    client.call("store.remove", {"id": "ws_1"})
    client.call("store.remove", {"id": "ws_1", "requestKey": "mine"})
    client.call("store.remove", {"id": "ws_1", "requestKey": None})
    client.call("workspace.list")
    client.call("not.known")
    first, second, third, *others = (request.key for request in scripts.asked)
    assert first
    assert second == "mine"
    assert third
    assert others == [None, None]


def test_a_daemon_that_hangs_up_at_each_attempt_is_called_with_pauses(flavour: str, serve: Serve) -> None:
    scripts = Scripts()

    def cut(peer: Peer) -> None:
        scripts.request(peer)

    path = serve(scripts.then(cut))
    with connected(flavour, path, 0.3, reconnect=True) as client, pytest.raises(ConnectionLost) as lost:
        client.workspaces.list()
    assert not lost.value.outcome_unknown
    assert 2 <= len(scripts.asked) < 20


@pytest.mark.parametrize("method", ["session.begin", "store.backup", "events.subscribe", "not.known"])
def test_what_may_not_be_repeated_is_asked_once(begin: Begin, method: str) -> None:
    scripts = Scripts()

    def once(peer: Peer) -> None:
        scripts.request(peer)
        peer.socket.close()

    scripts.then(once, scripts.answering(lambda _: "pong"))
    client = begin(scripts)
    with pytest.raises(ConnectionLost):
        client.call(method, {})
    assert [request.method for request in scripts.asked] == [method]
    client.daemon.ping()  # the client itself goes on


def test_a_loss_of_sessions_is_told_once(begin: Begin) -> None:
    scripts = Scripts()

    def holding(peer: Peer) -> None:
        for _ in range(2):
            peer.answer(scripts.request(peer), SESSION)
        peer.socket.close()

    scripts.then(holding, scripts.answering(lambda _: "pong"))
    client = begin(scripts)
    client.sessions.begin("ws_1")
    client.call("session.begin", {"workspaceId": "ws_1"})
    with pytest.raises(SessionsLost) as caught:
        client.daemon.ping()
    assert caught.value.session_ids == ("ss_1",)
    assert not caught.value.outcome_unknown
    client.daemon.ping()


def test_a_session_that_was_ended_is_not_lost(begin: Begin) -> None:
    scripts = Scripts()

    def holding(peer: Peer) -> None:
        peer.answer(scripts.request(peer), SESSION)
        peer.answer(scripts.request(peer), None)
        peer.socket.close()

    scripts.then(holding, scripts.answering(lambda _: "pong"))
    client = begin(scripts)
    client.sessions.end(client.sessions.begin("ws_1").id)
    client.daemon.ping()


def test_a_session_that_another_client_ended_is_not_lost(begin: Begin) -> None:
    scripts = Scripts()

    def holding(peer: Peer) -> None:
        peer.answer(scripts.request(peer), SESSION)
        peer.refuse(scripts.request(peer).id, 1001, "There is no session ss_1.", {"kind": "notFound"})
        peer.socket.close()

    scripts.then(holding, scripts.answering(lambda _: "pong"))
    client = begin(scripts)
    session = client.sessions.begin("ws_1")
    with pytest.raises(NotFound):
        client.sessions.end(session.id)
    client.daemon.ping()


def test_a_daemon_that_stops_is_asked_again_when_it_is_back(begin: Begin) -> None:
    scripts = Scripts()

    def stopping(peer: Peer) -> None:
        request = scripts.request(peer)
        peer.refuse(request.id, 2005, "The daemon is stopping.", {"kind": "shuttingDown"})
        peer.socket.close()

    scripts.then(stopping, scripts.answering(lambda _: WORKSPACE))
    assert begin(scripts).workspaces.create("Alpha", "/a").id == "ws_1"
    assert len({request.key for request in scripts.asked}) == 1


def test_a_daemon_that_stays_away_is_told_as_what_came_first(
    flavour: str, serve: Serve, socket_dir: Path
) -> None:
    def leaving(peer: Peer) -> None:
        peer.greet()
        peer.request()
        path.unlink()
        peer.socket.close()

    path = serve(leaving)
    with connected(flavour, path, 0.4, reconnect=True) as client:
        started_at = time.monotonic()
        with pytest.raises(ConnectionLost, match="Whether it was applied is not known") as caught:
            client.workspaces.create("Alpha", "/a")
        assert caught.value.outcome_unknown
        assert time.monotonic() - started_at < 5
        with pytest.raises(NotRunning):
            client.daemon.ping()


def test_a_write_that_may_be_applied_is_told_so_whatever_comes_after(flavour: str, serve: Serve) -> None:
    def leaving(peer: Peer) -> None:
        peer.refuse(peer.request().id, 2005, "The daemon is stopping.", {"kind": "shuttingDown"})
        path.unlink()
        peer.socket.close()

    path = serve(Scripts().then(cut_after_a_request, leaving))
    with connected(flavour, path, 0.4, reconnect=True) as client:
        with pytest.raises(ConnectionLost, match="Whether it was applied is not known") as caught:
            client.workspaces.create("Alpha", "/a")
        assert caught.value.outcome_unknown


@pytest.mark.requirement("FR-005")
def test_the_client_lives_through_a_kill_and_a_restart(flavour: str, tmp_path: Path) -> None:
    """Writers go on while the daemon is killed and started again: each write is applied, and once."""
    stop = threading.Event()
    made: list[Any] = []

    def write(client: Client, writer: int) -> None:
        number = 0
        while not stop.is_set():
            made.append(client.workspaces.create(f"{writer} {number}", "/srv").name)
            number += 1

    with ExitStack() as stack:
        with running_daemon(tmp_path) as daemon:
            client = stack.enter_context(connected(flavour, daemon.socket, 30.0, reconnect=True))
            writers = [threading.Thread(target=write, args=(client, number)) for number in range(4)]
            for each in writers:
                each.start()
            while len(made) < 40:
                assert all(each.is_alive() for each in writers)
            daemon.kill()
        with running_daemon(tmp_path):
            count = len(made)
            while len(made) < count + 40:
                assert all(each.is_alive() for each in writers)
            stop.set()
            for each in writers:
                each.join(30)
            stored = [workspace.name for workspace in client.workspaces.list()]
    assert sorted(stored) == sorted(made)
    assert len(set(made)) == len(made)


def test_all_callers_share_one_new_connection(flavour: str, serve: Serve) -> None:
    connections: list[int] = []
    scripts = Scripts()

    def cut(peer: Peer) -> None:
        connections.append(1)
        peer.request()
        peer.socket.shutdown(socket.SHUT_RDWR)

    def good(peer: Peer) -> None:
        connections.append(2)
        scripts.answering(lambda _: "pong")(peer)

    scripts.then(cut, good)
    with connected(flavour, serve(scripts), reconnect=True) as client, ThreadPoolExecutor(16) as pool:
        for call in [pool.submit(client.daemon.ping) for _ in range(16)]:
            call.result(PATIENCE_SECONDS)
    assert connections == [1, 2]
