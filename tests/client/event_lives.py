"""Scripted daemons that give events, where the moments of a loss are known."""

import itertools
import threading
from pathlib import Path
from typing import Any

from client.conftest import Serve
from client.fake_server import HELLO, PATIENCE_SECONDS, STATUS, Peer, line


def notification(topic: str, revision: int, sequence: int, **more: object) -> bytes:
    """An event as it goes over the wire; its payload has the members of several topics."""
    params = {
        "topic": topic,
        "revision": revision,
        "sequence": sequence,
        "timestamp": 1,
        "correlationId": "cor_1",
        "payload": {"workspaceId": f"ws_{revision}", "name": "n", "rootPath": "/", "sessionId": "ss_1"},
    }
    return line({"jsonrpc": "2.0", "method": "event", "params": params | more})


class Life:
    """What one connection to a scripted daemon gives; notes from where it was asked to go on.

    Each of `events` is sent as one piece, or is waited for.
    """

    def __init__(self, started_at: int, revision: int, *events: bytes | threading.Event) -> None:
        self.since: list[Any] = []
        self._status = {**STATUS, "startedAt": started_at, "revision": revision}
        self._status["recovery"] = {"outcome": "clean", "quarantined": [], "acknowledged": True}
        self._revision = revision
        self._events = events

    def serve(self, peer: Peer, *, stays: bool) -> None:
        """Answers what a stream begins with, gives the events, and ends, at once or with the client."""
        peer.answer(peer.expect("daemon.hello"), HELLO)
        peer.answer(peer.expect("daemon.status"), self._status)
        request = peer.request()
        assert request.method == "events.subscribe"
        self.since.append(request.params.get("since"))
        peer.answer(request, {"revision": self._revision})
        for event in self._events:
            if isinstance(event, threading.Event):
                assert event.wait(PATIENCE_SECONDS)
            else:
                peer.send(event)
        if stays:
            peer.request()
        peer.socket.close()


def scripted(serve: Serve, *lives: Life) -> Path:
    """A server whose first connection is the client's own, and each further one a life."""
    connections = itertools.count()

    def script(peer: Peer) -> None:
        number = next(connections)
        if number == 0:
            peer.greet()
            peer.request()
        elif number <= len(lives):
            lives[number - 1].serve(peer, stays=number == len(lives))

    return serve(script)
