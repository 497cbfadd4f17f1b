"""A proxy between a client and a server on the loopback interface, which can lose answers, hold requests, hang and refuse."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self

Mode = Literal["pass", "lose", "hold", "hang", "refuse"]
"""
- pass: all goes through
- lose: requests go through; the connection breaks where an answer comes
- hold: requests wait, and go through later, even if the client has left
- hang: nothing goes through, in either direction, until the mode is another one
- refuse: each connection is broken off at once
"""

_CHUNK_BYTES: Final = 65536


class Proxy:
    """A proxy to a port, which runs for a `with` block."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refuses: Callable[[bytes], bool] = lambda _: False
        """Whether a connection is broken off that begins with these bytes."""
        self.passed_bytes = 0
        """How many bytes of requests went through."""
        self._changed = threading.Condition()
        self._mode: Mode = "pass"
        self._is_closed = False
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []

    @property
    def endpoint(self) -> str:
        """Its URL, for HTTP."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mode(self) -> Mode:
        """What happens to what comes."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._changed:
            self._mode = mode
            if mode == "pass":
                self.refuses = lambda _: False
            self._changed.notify_all()

    def cut(self) -> None:
        """Break all connections off."""
        with self._changed:
            links = [*self._links]
        for link in links:
            link.cut()

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for each in self._threads:
            each.join(10)
            assert not each.is_alive()

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self._mode == "refuse":
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = _Link(client, server)
            with self._changed:
                if self._is_closed:
                    link.close()
                    return
                self._links.add(link)
            self._spawn(self._carry_requests, link)
            self._spawn(self._carry_answers, link)

    def _carry_requests(self, link: "_Link") -> None:
        is_first = True
        was_held = False
        with suppress(OSError):
            while data := link.client.recv(_CHUNK_BYTES):
                was_held = self._wait_while("hold", "hang") or was_held
                if is_first and self.refuses(data):
                    break
                is_first = False
                link.server.sendall(data)
                self.passed_bytes += len(data)
        # The end of a connection makes etcd cancel its requests: those held are to be applied although the client has left.
        link.is_left = was_held
        self._end(link, breaks=not was_held)

    def _carry_answers(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.server.recv(_CHUNK_BYTES):
                self._wait_while("hang")
                if self._mode == "lose" or link.is_left:
                    break
                link.client.sendall(data)
        self._end(link, breaks=True)

    def _wait_while(self, *modes: Mode) -> bool:
        """Return whether it had to wait."""
        with self._changed:
            has_to_wait = self._mode in modes
            self._changed.wait_for(lambda: self._is_closed or self._mode not in modes)
            return has_to_wait

    def _end(self, link: "_Link", *, breaks: bool) -> None:
        """End one direction; close the connection with the second."""
        if breaks:
            link.cut()
        with self._changed:
            link.directions -= 1
            is_last = link.directions == 0
            if is_last:
                self._links.discard(link)
        if is_last:
            link.close()


class _Link:
    """A connection of a client, and the one of the proxy to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server
        self.directions = 2
        """In how many something may still go through."""
        self.is_left = False
        """Whether the client has left, and the server is not to know."""
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cut(self) -> None:
        """Break both connections off."""
        for each in (self.client, self.server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Free both."""
        self.client.close()
        self.server.close()
