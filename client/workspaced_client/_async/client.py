"""The lifetime of an async client: the block of `async with AsyncClient.connect()`.

Written by hand beside `_sync/client.py`: this client lives in a block, and a blocking one wherever its owner keeps
it. Their calls are the same: see `calls`.
"""

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

from workspaced_client._core.event_feed import EventFeed, OnLost
from workspaced_client._core.recovery_warning import warn_of
from workspaced_client._core.socket_path import find_socket
from workspaced_client._core.timeouts import checked_timeout

from .calls import AsyncCalls
from .events import AsyncEventStream
from .waiting import start_daemon


class AsyncClient(AsyncCalls):
    """A connection to the daemon; make one with `AsyncClient.connect()`.

    ```python
    async with AsyncClient.connect() as client:
        workspace = await client.workspaces.create("Alpha", "/home/me/alpha")
    ```

    Every call waits for its answer, at most for the client's timeout, and raises one of
    `workspaced_client.errors`. Tasks may share a client: their calls use the one connection at the same
    time, and none waits for another's. A cancelled call's answer is dropped; a write that was sent may be
    applied all the same. After a restart of the daemon the client connects again: see `Client.connect`.
    """

    __module__ = "workspaced_client.aio"  # as users import it

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout_seconds: float = 10.0,
        reconnect: bool = True,
        autostart: bool = False,
    ) -> AsyncGenerator[Self]:
        """Connect and say hello, so that every obstacle shows here; disconnect at the end of the block.

        The arguments and errors are the same as of `Client.connect`. An exception of the block leaves it as
        itself, never in an ExceptionGroup. The block may be left in another task than the one that entered
        it, as in a test's fixture, and the blocks of several clients in any order: an `AsyncExitStack` works
        everywhere.
        """
        seconds = checked_timeout(timeout_seconds)
        path = find_socket(socket)
        if autostart:
            await start_daemon(path, seconds)
        client = cls(path, seconds, reconnect=reconnect, autostart=autostart)
        try:
            await client._begin_first()
            notice = (await client.daemon.status()).recovery
            # Above are the context manager of this generator, and the app.
            warn_of(notice, stacklevel=3)
            yield client
        finally:
            await client.aclose()

    def events(
        self,
        topics: Sequence[str] | None = None,
        *,
        since: int | None = None,
        on_lost: OnLost | None = None,
        on_found: Callable[[], None] | None = None,
    ) -> AsyncEventStream:
        """Return an async iterator of the daemon's events, to be entered first; else as `Client.events`."""
        self._check_open()
        feed = EventFeed(topics, since)
        return AsyncEventStream(self._path, feed, self._timeout_seconds, on_lost, on_found)

    async def aclose(self) -> None:
        """End the connection, and the sessions begun on it. Any task may do it; a second call has no effect.

        Calls of other tasks under way raise ConnectionLost.
        """
        await self._end()
