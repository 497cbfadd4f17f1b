"""A server that tells its status as a member of etcd does, and answers all else as a test says."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

HEADER: Final = {"cluster_id": "7", "member_id": "1", "revision": "1", "raft_term": "2"}
STATUS_PATH: Final = "/v3/maintenance/status"
CLOSES: Final = "Connection: close\r\n"
"""Without it, a client may send its next request before it sees that the connection was closed."""


def http(body: bytes | dict[str, Any], *, status: str = "200 OK", headers: str = CLOSES) -> bytes:
    """Return a whole answer of HTTP."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


def refused(message: str, code: int) -> bytes:
    """Return a refusal as the gateway of etcd writes it."""
    return http({"error": message, "message": message, "code": code}, status="400 Bad Request")


Script = Callable[["Connection"], bytes]
"""Called for each request but that of the status; returns what is sent before the connection is closed."""


class Connection:
    """A request, and the connection that it came over."""

    def __init__(self, server: "ScriptedEtcd", socket_: socket.socket, path: str) -> None:
        self.path = path
        self.goes_on = path == STATUS_PATH
        """Whether it stays open after the answer."""
        self._server = server
        self._socket = socket_

    def reset(self) -> bytes:
        """Break the connection off at once, with what was not read."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return b""

    def hang(self) -> bytes:
        """Wait until the server ends."""
        self._server.is_over.wait(30)
        return b""

    def trickle(self, content: bytes) -> bytes:
        """Send the head, then one byte after the other, slowly, for as long as the client reads."""
        head, end, body = content.partition(b"\r\n\r\n")
        self._socket.sendall(head + end)
        for number in body:
            if self._server.is_over.wait(0.02):
                break
            self._socket.sendall(bytes([number]))
        return b""


class ScriptedEtcd:
    """A server on a free port, which runs for a `with` block."""

    def __init__(
        self, script: Script | bytes, *, status: Script | bytes | None = None, cluster: str = "7"
    ) -> None:
        own_status = http(
            {"header": HEADER | {"cluster_id": cluster}, "version": "3.4.23", "leader": "1"}, headers=""
        )
        self._script = script
        self._status = own_status if status is None else status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.paths: list[str] = []
        """The paths that were asked for."""
        self.is_over = threading.Event()
        self.reads_bodies = True
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while path := self._read_request(connection):
                self.paths.append(path)
                request = Connection(self, connection, path)
                answer = self._status if request.goes_on else self._script
                content = answer if isinstance(answer, bytes) else answer(request)
                connection.sendall(content)
                if not content or not request.goes_on:
                    break

    def _read_request(self, connection: socket.socket) -> str:
        """Return the path of the next request, "" at the end."""
        received = b""
        while b"\r\n\r\n" not in received:
            data = connection.recv(65536)
            if not data:
                return ""
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        while self.reads_bodies and len(body) < length:
            data = connection.recv(65536)
            if not data:
                return ""
            body += data
        return path
