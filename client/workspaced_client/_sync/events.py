# Made from _async/events.py by client/unasync.py: change that file, then run it.
"""The stream of events: an iterator that reconnects by itself, and reports each event that it had to miss."""

import math
from collections.abc import Callable
from types import TracebackType
from typing import Self

from workspaced_client._core.attempts import pauses_seconds
from workspaced_client._core.connecting import turned_away
from workspaced_client._core.daemon_errors import ShuttingDown
from workspaced_client._core.event_feed import Event, EventFeed, EventGap, OnLost
from workspaced_client._core.local_errors import ConnectionLost, NotResponding, NotRunning, WorkspacedError
from workspaced_client._core.timeouts import RESUMED_SECONDS, was_stopped

from .event_socket import EventSocket
from .opening import open_socket
from .waiting import Closed, now


class EventStream:
    """Events as they happen; made by `Client.events()`. Iterate it in one thread; any thread may close it.

    ```python
    with client.events(["workspace.*"]) as events:
        for event in events:
            ...
    ```

    It ends only when it is closed, and then at once. A thread that stops waiting loses no event. A forked
    child must make a stream of its own. Iterating raises the errors that reconnecting can't cure:
    NotAllowed, ProtocolUnsupported, BadAnswer, and InvalidParams for a topic that the daemon does not have.
    """

    __module__ = "workspaced_client.events"  # as users import it

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
        self._socket = EventSocket(self._closed)
        self._entered = False

    @property
    def revision(self) -> int | None:
        """The `since` for a stream that resumes here: the revision of the last event that this one returned;
        before the first event, that of the subscription. Events without a revision of their own may come again."""
        return self._feed.revision

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event | EventGap:
        self._feed.check_process()
        while not self._closed.is_set():
            if self._feed.has_events:
                return self._feed.take()
            reconnects = not self._socket.is_connected
            try:
                if reconnects:
                    self._connect()
                else:
                    self._socket.exchange(self._feed, math.inf)
            except (ConnectionLost, NotRunning, NotResponding, ShuttingDown) as error:
                self._lose(error)
            except BaseException:
                self._socket.drop()  # bytes may be lost; the next connection sends their events again
                raise
            else:
                if reconnects and self._on_found is not None and not self._closed.is_set():
                    self._on_found()
        self._socket.drop()  # the closing may have come before this connection
        raise StopIteration

    def _connect(self) -> None:
        """Return once the subscription holds."""
        deadline = now() + self._timeout_seconds
        self._socket.take(open_socket(self._path, deadline, self._timeout_seconds, self._closed))
        try:
            self._feed.begin()
            while not self._feed.is_subscribed and not self._closed.is_set():
                if self._socket.exchange(self._feed, deadline):
                    continue
                if not was_stopped(deadline, now()):
                    raise NotResponding("events.subscribe", self._timeout_seconds)
                deadline = now() + RESUMED_SECONDS
        except ConnectionLost as error:
            raise turned_away(self._path, error) from error.__cause__
        except BaseException:
            self._socket.drop()  # half a subscription is none: the next step begins again
            raise
        self._pauses = pauses_seconds()

    def _lose(self, error: WorkspacedError) -> None:
        self._socket.drop()
        if self._closed.is_set():
            return
        if self._on_lost is not None:
            self._on_lost(error)
        self._closed.wait(next(self._pauses))

    def close(self) -> None:
        """End the stream, also for a thread that waits for an event. A second call has no effect."""
        self._closed.set()
        self._socket.end(forked=self._feed.forked)

    def __enter__(self) -> Self:
        if self._closed.is_set():
            raise ConnectionLost("events.subscribe", "this stream was closed")
        if self._entered:
            return self
        try:
            self._connect()
        except BaseException:
            self.close()
            raise
        self._entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
