"""A watch: the changes below a prefix, as etcd sends them, until it is closed or breaks."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from typing import Self

import msgspec
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from workspaced.store.etcd import messages
from workspaced.store.etcd.endpoint import LARGEST_ANSWER_BYTES, Endpoint
from workspaced.store.etcd.failures import Compacted, EtcdError, as_certain, no_etcd, refusal
from workspaced.store.etcd.messages import GatewayError, WatchAnswer, WatchLine


class Watch:
    """An iterator of changes: one WatchAnswer after the other, each with whole revisions.

    It waits without a limit, since nothing may change for months. Close it, from any thread, to end the wait.
    Then the iteration ends. It raises EtcdError where the watch breaks, Compacted where its revision is gone.
    """

    def __init__(self, endpoint: Endpoint, response: BaseHTTPResponse) -> None:
        """Wait until etcd has begun the watch. Raises EtcdError; the response is closed then."""
        self._endpoint = endpoint
        self._response = response
        self._connection = response.connection
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._is_read = False
        self._received = self._receive()
        # None where the answer has ended at once: its end closes the socket.
        connected = self._connection.sock if isinstance(self._connection, HTTPConnection) else None
        try:
            if not self._next_line().created:
                raise as_certain(no_etcd(endpoint.url))
            if connected is None:
                raise endpoint.broken()
            self._wait_without_limit(connected)
        except BaseException:
            self._let_go()
            raise

    def _wait_without_limit(self, connected: socket.socket) -> None:
        try:
            connected.settimeout(None)
        except OSError as error:  # it was closed since
            raise self._endpoint.broken() from error

    @property
    def endpoint(self) -> str:
        """The endpoint that sends the changes."""
        return self._endpoint.url

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or has broken."""
        return self._closed.is_set()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchAnswer:
        """Wait for the next changes. Raises EtcdError, or StopIteration once `close` was called."""
        with self._lock:
            if self._closed.is_set():
                raise StopIteration
            self._is_read = True
        try:
            while True:
                line = self._next_line()
                if line.events:
                    return line.plain()
        except EtcdError:
            if self._closed.is_set():
                raise StopIteration from None
            self._closed.set()
            raise
        finally:
            with self._lock:
                self._is_read = False
                if self._closed.is_set():
                    self._let_go()

    def close(self) -> None:
        """End the watch. It does not block, and may be called again."""
        with self._lock:
            self._closed.set()
            if not self._is_read:
                self._let_go()
                return
            # The thread that reads wakes up, and lets go. Both errors: the answer is over by itself.
            with suppress(OSError, ValueError, RuntimeError):
                self._response.shutdown()

    def _let_go(self) -> None:
        """Close the connection, which nobody reads now."""
        self._response.close()
        if self._connection is not None:
            self._connection.close()  # an answer that is over by itself has left it open

    def _next_line(self) -> WatchLine:
        text = next(self._received)
        try:
            line = messages.watch_line(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise as_certain(no_etcd(self.endpoint)) from error
        if line.error is not None:
            raise as_certain(refusal(self.endpoint, line.error))
        if line.result is None:
            raise as_certain(no_etcd(self.endpoint))
        if line.result.canceled:
            raise self._canceled(line.result)
        return line.result

    def _canceled(self, line: WatchLine) -> EtcdError:
        error = as_certain(refusal(self.endpoint, GatewayError(line.cancel_reason)))
        if not line.compact_revision:
            return error
        compacted = Compacted(self.endpoint, "does not have this old revision", "read again", error.errno)
        compacted.oldest = line.compact_revision
        return compacted

    def _receive(self) -> Iterator[bytes]:
        """Yield the lines as they come. Raises EtcdError at their end."""
        rest: list[bytes] = []
        size = 0
        while True:
            try:
                part = self._response.read1(65536)
            except (HTTPError, HTTPException, OSError, ValueError, AttributeError) as error:
                # AttributeError: `close` took the socket away while it was read.
                raise self._endpoint.broken() from error
            if not part:
                # A stream of etcd that ends has whole lines.
                raise as_certain(no_etcd(self.endpoint)) if any(rest) else self._endpoint.broken()
            *lines, last = part.split(b"\n")
            for line in lines:
                yield b"".join((*rest, line))
                rest.clear()
                size = 0
            rest.append(last)
            size += len(last)
            if size > LARGEST_ANSWER_BYTES:
                raise as_certain(no_etcd(self.endpoint))
