"""A stand-in for the daemon: a real Unix socket, with a script of the test's in place of a store.

A script is a function that is run with each connection, in a thread of its own: it reads requests and
sends what it likes, when it likes. What goes wrong in one fails the test at the end.
"""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workspaced_protocol.framing import LineSplitter

PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come; never reached where the code is right."""

HELLO = {"server": "workspaced", "version": "9.9.9", "protocol": 1, "capabilities": ["x"]}

CLEAN = {"outcome": "clean", "quarantined": [], "acknowledged": True}
STATUS = {
    "version": "9.9.9",
    "protocol": 1,
    "pid": 1,
    "dataDir": "/data",
    "socket": "/socket",
    "startedAt": 1,
    "revision": 1,
    "workspaces": 0,
    "sessions": 0,
    "connections": 1,
    "store": {"state": "ok"},
    "commits": {"count": 0, "requests": 0, "p50Ms": 0, "p95Ms": 0},
}


class HungUp(Exception):
    """The client ended the connection."""


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    id: int
    """0 for a notification."""
    method: str
    params: dict[str, Any]
    """Less the request key, which every write carries."""
    key: str | None = None


class Peer:
    """The server's end of one connection."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.socket.settimeout(PATIENCE_SECONDS)
        self._lines = LineSplitter(1 << 30)
        self._read: list[bytes] = []

    def request(self) -> Request:
        """The next request. Raises HungUp."""
        while not self._read:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise HungUp
            self._read = self._lines.feed(data)
        message = json.loads(self._read.pop(0))
        assert message["jsonrpc"] == "2.0"
        params = message.get("params", {})
        key = params.pop("requestKey", None)
        return Request(message.get("id", 0), message["method"], params, key)

    def has_more(self) -> bool:
        """Whether something has come that was not read yet."""
        return bool(self._read or select.select([self.socket], [], [], 0)[0])

    def see_a_beginning(self) -> None:
        """Waits until bytes of a request have come, and leaves them where they are."""
        assert self.socket.recv(1, socket.MSG_PEEK)

    def expect(self, method: str) -> Request:
        """The next request, which must be for `method`."""
        request = self.request()
        assert request.method == method
        return request

    def send(self, data: bytes) -> None:
        """Sends bytes as they are. Raises HungUp."""
        try:
            self.socket.sendall(data)
        except ConnectionError as error:
            raise HungUp from error

    def answer(self, request: Request, result: object) -> None:
        """Answers a request."""
        self.send(line({"jsonrpc": "2.0", "id": request.id, "result": result}))

    def progress(self, request: Request, phase: str, percent: int | None = None) -> None:
        """Tells how far a request has come."""
        params = {"id": request.id, "phase": phase, "percent": percent, "message": f"{phase} …"}
        self.send(line({"jsonrpc": "2.0", "method": "$/progress", "params": params}))

    def refuse(self, id_: int | None, code: int, message: str, data: object = None) -> None:
        """Answers with an error."""
        error = {"code": code, "message": message, "data": data}
        self.send(line({"jsonrpc": "2.0", "id": id_, "error": error}))

    def greet(self, recovery: object = CLEAN) -> Request:
        """Answers what a client begins with: its hello, which is given, and its question how the daemon fares."""
        request = self.hello()
        self.answer(self.expect("daemon.status"), {**STATUS, "recovery": recovery})
        return request

    def hello(self) -> Request:
        """Answers a hello, and gives it."""
        request = self.expect("daemon.hello")
        self.answer(request, HELLO)
        return request


Script = Callable[[Peer], None]


def line(message: object) -> bytes:
    """A message as it goes over the wire."""
    return json.dumps(message).encode() + b"\n"


def greeting(script: Script) -> Script:
    """A script that answers the hello, and then goes on with `script`."""

    def run(peer: Peer) -> None:
        peer.greet()
        script(peer)

    return run


def answering(reply: Callable[[Request], object]) -> Script:
    """A script that answers the hello, and then every request with what `reply` gives."""

    def run(peer: Peer) -> None:
        peer.greet()
        while True:
            request = peer.request()
            peer.answer(request, reply(request))

    return run


class FakeServer:
    """Listens on `path` and runs `script` with each connection, until the `with` ends."""

    def __init__(self, path: Path, script: Script) -> None:
        self.path = path
        self.failures: list[BaseException] = []
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(16)
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._stopped = False

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        # Closing a listener does not wake the thread that accepts from it; a connection does.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waker:
            waker.connect(str(self.path))
        for connected in [*self._connections, self._listener]:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)
        while self._threads:
            thread = self._threads.pop()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        for connected in [*self._connections, self._listener]:
            connected.close()
        if self.failures and error is None:
            raise self.failures[0]

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)  # which the end joins, so not before it runs

    def _accept(self) -> None:
        while not self._stopped:
            try:
                connected, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connected)
            if not self._stopped:
                self._start(self._serve, connected)

    def _serve(self, connected: socket.socket) -> None:
        with connected:
            try:
                self._script(Peer(connected))
            except HungUp:
                return
            except BaseException as error:  # noqa: BLE001 - raised at the end, in the test's thread
                self.failures.append(error)


@contextlib.contextmanager
def occupied_queue(path: Path) -> Generator[tuple[socket.socket, contextlib.ExitStack]]:
    """Listens on `path`, with no room left for one more connection.

    Gives the listener, and those who wait in its queue: closing them lets them hang up.
    """
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
        contextlib.ExitStack() as waiting,
    ):
        listener.bind(str(path))
        listener.listen(0)
        while True:
            one = waiting.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            one.setblocking(False)
            try:
                one.connect(str(path))
            except BlockingIOError:
                break
        yield listener, waiting
