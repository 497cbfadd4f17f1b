"""A watch: the changes below a prefix, as etcd sends them, until it is closed or breaks."""

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

    It waits without a limit, since nothing may change for months; who waits for it must close it, from any thread.
    Then the iteration ends. It raises EtcdError where the watch breaks, Compacted where its revision is gone.
    """

    def __init__(self, endpoint: Endpoint, response: BaseHTTPResponse) -> None:
        """Wait until etcd has begun the watch. Raises EtcdError; the response is closed then."""
        self._endpoint = endpoint
        self._response = response
        connection = response.connection
        self._connection = connection if isinstance(connection, HTTPConnection) else None
        self._socket = self._connection.sock if self._connection is not None else None
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_reading = True
        self._received = self._receive()
        try:
            if self._socket is None or not self._next_line().created:
                raise as_certain(no_etcd(endpoint.url))
            self._socket.settimeout(None)
        except BaseException:
            self._end()
            raise
        self._is_reading = False

    @property
    def endpoint(self) -> str:
        """The endpoint that sends the changes."""
        return self._endpoint.url

    @property
    def is_over(self) -> bool:
        """Whether it was closed, or has broken."""
        return self._is_closed or self._response.closed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchAnswer:
        """Wait for the next changes. Raises EtcdError, or StopIteration once `close` was called."""
        with self._lock:
            self._is_reading = not self._is_closed
        if not self._is_reading:
            self._end()
            raise StopIteration
        try:
            while True:
                line = self._next_line()
                if line.events:
                    with self._lock:
                        self._is_reading = False
                    return line.plain()
        except EtcdError:
            self._is_reading = False
            self._end()
            if self._is_closed:
                raise StopIteration from None
            raise

    def close(self) -> None:
        """End the watch. It does not block, and may be called again."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                # ValueError: the response has ended by itself.
                with suppress(OSError, ValueError):
                    self._response.shutdown()
            is_reading = self._is_reading
        if not is_reading:
            self._end()

    def _end(self) -> None:
        """Let go of the connection: in the thread that reads, if there is one."""
        with self._lock:
            self._response.close()
            if self._connection is not None:
                self._connection.close()  # the response does so unless it has ended by itself

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
        compacted = Compacted(self.endpoint, "does not have this old revision", "read anew", error.errno)
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
