"""The lean load generator: many clients in one process, on raw sockets, with lines that are encoded beforehand.

The strategy: whatever the generator does between two lines is counted as the server's. So its loop does as little as
Python can: one epoll(7) for all clients; for each answer one recv(2), one send(2) and one reading of the clock.
"""

import json
import select
import socket
import time
from collections.abc import Sequence
from itertools import cycle

from bench.distributions import Distribution

_RECEIVE_BYTES = 1 << 16  # from 128 KiB on, malloc(3) would map and unmap memory for each answer
_PATIENCE_SECONDS = 10.0


def request_line(method: str, params: dict[str, object], id_: int = 1) -> bytes:
    """Return one request as a line."""
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode() + b"\n"


class Talker:
    """A connection that sends its next request, in turn, as soon as the last was answered."""

    def __init__(self, connected: socket.socket, requests: Sequence[bytes]) -> None:
        self.socket = connected
        self.latencies = Distribution()
        self.next_request = cycle(requests).__next__
        self.sent_at = 0.0


def talk(talkers: Sequence[Talker], seconds: float) -> float:
    """Let all of them talk for a while, until each has its last answer; return the answers a second."""
    clock = time.perf_counter
    clients = {
        talker.socket.fileno(): (talker, talker.socket.recv, talker.socket.send, talker.latencies.add)
        for talker in talkers
    }
    parts: dict[int, bytes] = {}
    answers, waiting = 0, len(clients)
    with select.epoll() as poller:
        for number in clients:
            poller.register(number, select.EPOLLIN)
        started_at = clock()
        ends_at = started_at + seconds
        for talker, _, send, _ in clients.values():
            talker.sent_at = clock()
            send(talker.next_request())
        while waiting:
            ready = poller.poll(_PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError(f"The server has not answered for {_PATIENCE_SECONDS:g} s.")
            for number, _ in ready:
                talker, receive, send, add = clients[number]
                text = receive(_RECEIVE_BYTES)
                if text[-1:] != b"\n" or parts:
                    text = parts.pop(number, b"") + text
                    if not text.endswith(b"\n"):
                        if not text:
                            raise ConnectionError("The server has closed a connection.")
                        parts[number] = text
                        continue
                if b'"error"' in text[:100]:
                    raise RuntimeError(f"The server refused: {text[:300]!r}")
                now = clock()
                add(now - talker.sent_at)
                answers += 1
                if now > ends_at:
                    waiting -= 1
                else:
                    talker.sent_at = now
                    send(talker.next_request())
        return answers / (clock() - started_at)


def ask_for_all(connected: socket.socket) -> None:
    """Ask for all workspaces, and wait for the whole answer, which is not kept."""
    connected.sendall(request_line("workspace.list", {}))
    while not (text := connected.recv(_RECEIVE_BYTES)).endswith(b"\n"):
        if not text:
            raise ConnectionError("The server has closed a connection.")
