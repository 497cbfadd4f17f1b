"""The blocking client's events: an iterator that finds the daemon again by itself, and misses nothing unsaid."""

import math
import select
import socket
import threading
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Self

from workspaced_client._attempts import pauses_seconds
from workspaced_client._blocking import connected_by
from workspaced_client._feed import Event, EventFeed, EventGap
from workspaced_client._socket import RECEIVE_BYTES, remaining, send_some, shut_down, turned_away
from workspaced_client._waits import Closed
from workspaced_client.errors import (
    ConnectionLost,
    NotResponding,
    NotRunning,
    ShuttingDown,
    WorkspacedError,
)

__all__ = ["Event", "EventGap", "EventStream"]

OnLost = Callable[[WorkspacedError], None]
"""Told why the connection is gone, each time; the stream then looks for the daemon until it is back."""


class EventStream:
    """Events as they happen; made by `Client.events()`. Iterate it in one thread; any thread may close it.

    It ends only when it is closed, and then at once. A child process that was forked must make one of its
    own. What it can't find again raises: NotAllowed, ProtocolUnsupported,
    BadAnswer, InvalidParams for a topic that the daemon does not have.
    """

    def __init__(
        self,
        path: str,
        feed: EventFeed,
        timeout_seconds: float,
        on_lost: OnLost | None,
        on_found: Callable[[], None] | None,
    ) -> None:
        self._path = path
        self._feed = feed
        self._timeout_seconds = timeout_seconds
        self._on_lost = on_lost
        self._on_found = on_found
        self._pauses = pauses_seconds()
        self._closed = Closed()
        self._unsent = b""
        self._lock = threading.Lock()  # guards the next two
        self._socket: socket.socket | None = None
        self._in_use = False
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    @property
    def revision(self) -> int | None:
        """`since` for a stream that goes on from here: the revision of the last event that this one gave, or
        before the first that of the subscription. Events that have no revision of their own may come again."""
        return self._feed.revision

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event | EventGap:
        self._feed.check_process()
        while not self._closed.is_set():
            if self._feed.has_events:
                return self._feed.take()
            looks = self._socket is None
            try:
                if looks:
                    self._connect()
                else:
                    self._exchange(math.inf)
            except (ConnectionLost, NotRunning, NotResponding, ShuttingDown) as error:
                self._lose(error)
            except BaseException:
                self._drop()  # bytes may be lost; the next connection gives again what is not among the events
                raise
            else:
                if looks and self._on_found is not None and not self._closed.is_set():
                    self._on_found()
        self._drop()  # whoever closed the stream may not have known of this connection
        raise StopIteration

    def _connect(self) -> None:
        """Returns once the subscription holds."""
        deadline = monotonic() + self._timeout_seconds
        connected = connected_by(self._path, deadline, self._timeout_seconds, self._closed)
        with self._lock:
            self._socket = connected
        self._unsent = self._feed.begin()
        try:
            while not self._feed.is_subscribed and not self._closed.is_set():
                self._exchange(deadline)
        except ConnectionLost as error:
            raise turned_away(self._path, error) from error.__cause__
        self._pauses = pauses_seconds()

    def _exchange(self, deadline: float) -> None:
        """Sends what is to be sent, else takes what comes, by the deadline; may come back before."""
        with self._lock:
            connected = self._socket
            if connected is None or self._closed.is_set():
                return
            self._in_use = True
        try:
            ready = select.poll()
            ready.register(connected, select.POLLOUT if self._unsent else select.POLLIN)
            left = remaining(deadline, monotonic())
            if not ready.poll(left * 1000):
                if not left:
                    raise NotResponding("events.subscribe", self._timeout_seconds)
            elif self._unsent:
                self._unsent = send_some(connected, self._unsent)
            else:
                self._feed.receive(connected.recv(RECEIVE_BYTES))
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionLost("events.subscribe", error.strerror or str(error)) from error
        finally:
            with self._lock:
                self._in_use = False
                if self._closed.is_set():
                    connected.close()

    def _lose(self, error: WorkspacedError) -> None:
        self._drop()
        if self._closed.is_set():
            return
        if self._on_lost is not None:
            self._on_lost(error)
        self._closed.wait(next(self._pauses))

    def _drop(self) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def close(self) -> None:
        """Ends the stream, also for a thread that waits for an event. A second time has no effect."""
        self._closed.set()
        if self._feed.forked:
            if self._socket is not None:
                self._socket.close()  # this process's copy; the stream is the parent's
            return
        with self._lock:
            if self._socket is None:
                return
            if self._in_use:
                shut_down(self._socket)  # whoever uses it is woken by that, and closes it
            else:
                self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
