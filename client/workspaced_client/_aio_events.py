"""The async client's events: an async iterator that finds the daemon again by itself; see `event_stream`."""

import socket as sockets
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio
import anyio.lowlevel

from workspaced_client._async_connection import connected_by
from workspaced_client._attempts import pauses_seconds
from workspaced_client._feed import Event, EventFeed, EventGap
from workspaced_client._socket import RECEIVE_BYTES, send_some, shut_down, turned_away
from workspaced_client.errors import (
    ConnectionLost,
    NotResponding,
    NotRunning,
    ShuttingDown,
    WorkspacedError,
)
from workspaced_client.events import OnLost

__all__ = ["AsyncEventStream", "Event", "EventGap"]


class AsyncEventStream:
    """Events as they happen; made by `AsyncClient.events()`. Iterate it in one task; any task may close it.

    ```python
    async with client.events(["workspace.*"]) as events:
        async for event in events:
            ...
    ```

    The subscription holds once the `async with` is entered. It ends only when it is closed, and
    raises what `EventStream` does. A task that is cancelled while it waits loses no event.
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
        self._closed = anyio.Event()
        self._socket: sockets.socket | None = None
        self._in_use = False
        self._unsent = b""

    @property
    def revision(self) -> int | None:
        """`since` for a stream that goes on from here: the revision of the last event that this one gave, or
        before the first that of the subscription. Events that have no revision of their own may come again."""
        return self._feed.revision

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event | EventGap:
        await anyio.lowlevel.checkpoint()
        self._feed.check_process()
        while not self._closed.is_set():
            if self._feed.has_events:
                return self._feed.take()
            looks = self._socket is None
            try:
                if looks:
                    await self._connect()
                else:
                    await self._exchange()
            except (ConnectionLost, NotRunning, NotResponding, ShuttingDown) as error:
                await self._lose(error)
            except anyio.get_cancelled_exc_class():
                raise  # it waited: nothing is lost
            except BaseException:
                self._drop()  # as in the blocking stream
                raise
            else:
                if looks and self._on_found is not None and not self._closed.is_set():
                    self._on_found()
        self._drop()  # as in the blocking stream
        raise StopAsyncIteration

    async def _connect(self) -> None:
        """Returns once the subscription holds."""
        deadline = anyio.current_time() + self._timeout_seconds
        self._socket = await connected_by(self._path, deadline, self._timeout_seconds, self._closed)
        self._unsent = self._feed.begin()
        try:
            with anyio.move_on_at(deadline):
                while not self._feed.is_subscribed and not self._closed.is_set():
                    await self._exchange()
        except ConnectionLost as error:
            raise turned_away(self._path, error) from error.__cause__
        except BaseException:
            self._drop()  # half a subscription is none: the next step begins anew
            raise
        if not self._feed.is_subscribed and not self._closed.is_set():
            raise NotResponding("events.subscribe", self._timeout_seconds)
        self._pauses = pauses_seconds()

    async def _exchange(self) -> None:
        """Sends what is to be sent, else takes what comes; waits for as long as nothing happens."""
        connected = self._socket
        if connected is None or self._closed.is_set():
            return
        self._in_use = True
        try:
            if self._unsent:
                await anyio.wait_writable(connected)
                self._unsent = send_some(connected, self._unsent)
            else:
                await anyio.wait_readable(connected)
                self._feed.receive(connected.recv(RECEIVE_BYTES))
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionLost("events.subscribe", error.strerror or str(error)) from error
        finally:
            self._in_use = False
            if self._closed.is_set():
                connected.close()

    async def _lose(self, error: WorkspacedError) -> None:
        self._drop()
        if self._closed.is_set():
            return
        if self._on_lost is not None:
            self._on_lost(error)
        with anyio.move_on_after(next(self._pauses)):
            await self._closed.wait()

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Ends the stream, also for a task that waits for an event. A second time has no effect."""
        self._closed.set()
        if self._socket is None:
            return
        if not self._in_use:
            self._socket.close()
        elif not self._feed.forked:  # else it is the parent's
            shut_down(self._socket)  # whoever uses it is woken by that, and closes it

    async def aclose(self) -> None:
        """`close`, for those who expect to await it."""
        self.close()
        await anyio.lowlevel.checkpoint()

    async def __aenter__(self) -> Self:
        try:
            await self._connect()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
