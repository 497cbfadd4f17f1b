"""Many clients at once from one thread, so that what is measured is the daemon and not threads."""

import json
import selectors
import socket
import time
from collections.abc import Sequence

from bench.distributions import Distribution


def request_line(method: str, params: dict[str, object], id_: int = 1) -> bytes:
    """Return one request as a line."""
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode() + b"\n"


class Talker:
    """A connection that sends its next request as soon as the last was answered."""

    def __init__(self, connected: socket.socket, requests: Sequence[bytes]) -> None:
        self.socket = connected
        self.latencies = Distribution()
        self._requests = requests
        self._count = 0
        self._sent_at = 0.0
        self._pending = b""

    def send(self) -> None:
        """The next request, in turn."""
        self._sent_at = time.perf_counter()
        self.socket.sendall(self._requests[self._count % len(self._requests)])
        self._count += 1

    def receive(self) -> bool:
        """Take what came; true once that is a whole answer."""
        self._pending += self.socket.recv(1 << 20)
        if not self._pending.endswith(b"\n"):
            return False
        if b'"error"' in self._pending:
            raise RuntimeError(f"The daemon refused: {self._pending[:300]!r}")
        self._pending = b""
        self.latencies.add(time.perf_counter() - self._sent_at)
        return True


def talk(talkers: Sequence[Talker], seconds: float) -> float:
    """Let all of them talk for a while; return the answers a second."""
    answers = 0
    with selectors.DefaultSelector() as selector:
        for talker in talkers:
            selector.register(talker.socket, selectors.EVENT_READ, talker)
            talker.send()
        started_at = time.perf_counter()
        waiting = set(talkers)
        while waiting:
            is_over = time.perf_counter() - started_at > seconds
            for key, _ in selector.select(timeout=10):
                talker = key.data
                if not talker.receive():
                    continue
                answers += 1
                if is_over:
                    waiting.discard(talker)
                    selector.unregister(talker.socket)
                else:
                    talker.send()
        return answers / (time.perf_counter() - started_at)
