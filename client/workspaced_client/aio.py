"""The async client: `AsyncClient.connect()`, under trio and asyncio alike (by anyio)."""

import os
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self, TypeVar

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from workspaced_client._aio_events import AsyncEventStream
from workspaced_client._async_api import (
    AsyncDaemon,
    AsyncProjects,
    AsyncSessions,
    AsyncStore,
    AsyncWorkspaces,
)
from workspaced_client._async_connection import AsyncConnection, connected_by
from workspaced_client._attempts import Attempts, note_sessions
from workspaced_client._feed import EventFeed
from workspaced_client._protocol import ANY_JSON, OnProgress, greeting
from workspaced_client._recovery import warn_of
from workspaced_client._socket import checked_timeout, find_socket, turned_away
from workspaced_client.errors import ConnectionLost, NotResponding, NotRunning, ShuttingDown
from workspaced_client.events import OnLost
from workspaced_protocol.models import Hello
from workspaced_protocol.params import Params

T = TypeVar("T")


class AsyncClient:
    """A connection to the daemon; make one with `AsyncClient.connect()`.

    ```python
    async with AsyncClient.connect() as client:
        workspace = await client.workspaces.create("Alpha", "/home/me/alpha")
    ```

    Every call waits for its answer, at most for the client's timeout, and raises one of
    `workspaced_client.errors`. Tasks may share a client: their calls go over the one connection at the
    same time, and none waits for another's. A cancelled call's answer is dropped; a write that was
    sent may be applied all the same. A daemon that restarts is found again: see `Client.connect`.
    """

    workspaces: AsyncWorkspaces
    """The lifecycle of workspaces."""
    projects: AsyncProjects
    sessions: AsyncSessions
    """Who is at work in them."""
    store: AsyncStore
    """The store as it is; it has the shape of a workspace store of an app's own."""
    daemon: AsyncDaemon
    """The daemon itself."""

    def __init__(
        self,
        connection: AsyncConnection,
        group: TaskGroup,
        path: str,
        timeout_seconds: float,
        *,
        reconnect: bool,
    ) -> None:
        self._connection = connection
        self._group = group
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._reconnects = reconnect
        self._renewing = anyio.Lock()
        self._closed = False
        self._waits: set[anyio.CancelScope] = set()
        self._session_ids: set[str] = set()
        self.workspaces = AsyncWorkspaces(self._request)
        self.projects = AsyncProjects(self._request)
        self.sessions = AsyncSessions(self._request)
        self.store = AsyncStore(self._request)
        self.daemon = AsyncDaemon(self._request)

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
        """Connects, and says hello, so that whatever is in the way shows here; disconnects at the end.

        The arguments and errors are those of `Client.connect`. What the body of the `async with`
        raises comes out of it as it is, never in an ExceptionGroup.
        """
        seconds = checked_timeout(timeout_seconds)
        path = find_socket(socket)
        if autostart:
            from workspaced_client._autostart import ensure_running  # as in the blocking client

            await anyio.to_thread.run_sync(ensure_running, path, seconds, abandon_on_cancel=True)
        deadline = anyio.current_time() + seconds
        connection = AsyncConnection(await connected_by(path, deadline, seconds, anyio.Event()))
        client: Self | None = None
        failure: BaseException | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(connection.read_answers)
                client = cls(connection, group, path, seconds, reconnect=reconnect)
                try:
                    await _greet(connection, path, deadline, seconds)
                    notice = (await client.daemon.status()).recovery
                    # Above are the context manager of this generator, and the app.
                    warn_of(notice, stacklevel=3)
                    yield client
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    client._end()
                    group.cancel_scope.cancel()
        except BaseException:
            # A cancellation is the group's to tell of, and without a failure this is the group's own.
            if failure is None or isinstance(failure, anyio.get_cancelled_exc_class()):
                raise
        finally:
            await (client._connection if client else connection).close()
        if failure is not None:
            raise failure

    async def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_seconds: float | None = None
    ) -> object:
        """Calls any method with plain JSON values, and gives its result as such.

        `method` and the names in `params` are those on the wire, such as `workspace.create` and
        `rootPath`. `timeout_seconds` is this call's own, in place of the client's. Raises Unsendable
        where the params are no JSON, and else what any call does.
        """
        seconds = self._timeout_seconds if timeout_seconds is None else checked_timeout(timeout_seconds)
        return await self._ask(method, {} if params is None else params, ANY_JSON, seconds)

    def events(
        self,
        topics: Sequence[str] | None = None,
        *,
        since: int | None = None,
        on_lost: OnLost | None = None,
        on_found: Callable[[], None] | None = None,
    ) -> AsyncEventStream:
        """The daemon's events, as an async iterator to be entered first; else as `Client.events`."""
        return AsyncEventStream(
            self._path, EventFeed(topics, since), self._timeout_seconds, on_lost, on_found
        )

    async def _request(
        self,
        method: str,
        params: Params,
        result: type[T],
        /,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> T:
        seconds = self._timeout_seconds if timeout_seconds is None else checked_timeout(timeout_seconds)
        return await self._ask(method, params, result, seconds, on_progress)

    async def _ask(
        self,
        method: str,
        params: object,
        result: type[T],
        timeout_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> T:
        attempts = Attempts(method, params, timeout_seconds, anyio.current_time())
        while True:
            connection = await self._current(attempts)
            try:
                answer = await connection.request(
                    method, attempts.params, result, attempts.left_seconds(anyio.current_time()), on_progress
                )
            except (ConnectionLost, ShuttingDown) as error:
                if not self._reconnects:
                    raise
                attempts.lost(error, anyio.current_time())
                if isinstance(error, ShuttingDown):
                    with self._until_closed(attempts.pause_seconds(error, anyio.current_time())):
                        await anyio.sleep_forever()
            except NotResponding as error:
                raise attempts.timed_out(error) from None
            else:
                note_sessions(self._session_ids, method, params, answer)
                return answer

    async def _current(self, attempts: Attempts) -> AsyncConnection:
        """The connection to ask over: a new one where the last has ended, and this client is to reconnect."""
        connection = self._connection
        if not connection.is_over or not self._reconnects:
            return connection
        with self._until_closed(attempts.left_seconds(anyio.current_time())):
            async with self._renewing:
                if self._connection is connection:
                    await connection.close()
                    self._connection = await self._reconnected(attempts)
                    lost = attempts.sessions_lost(connection.end_reason, self._session_ids)
                    self._session_ids = set()
                    if lost is not None:
                        raise lost
                return self._connection
        raise attempts.closed() if self._closed else attempts.not_reached()

    async def _reconnected(self, attempts: Attempts) -> AsyncConnection:
        while True:
            try:
                return await self._begun(attempts.deadline, attempts.timeout_seconds)
            except (NotRunning, NotResponding, ConnectionLost) as error:
                pause_seconds = attempts.pause_seconds(error, anyio.current_time())
            await anyio.sleep(pause_seconds)

    async def _begun(self, deadline: float, timeout_seconds: float) -> AsyncConnection:
        """A new connection, once the daemon has answered its hello."""
        connected = await connected_by(self._path, deadline, timeout_seconds, anyio.Event())
        connection = AsyncConnection(connected)
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()  # the group ends with the client
            self._group.start_soon(connection.read_answers)
            await _greet(connection, self._path, deadline, timeout_seconds)
            await anyio.lowlevel.checkpoint_if_cancelled()  # nobody would close it any more
        except BaseException:
            connection.end("the daemon gave no greeting")
            await connection.close()
            raise
        return connection

    @contextmanager
    def _until_closed(self, timeout_seconds: float) -> Generator[None]:
        """Leaves the block when the client is closed, or after its time."""
        with anyio.move_on_after(timeout_seconds) as scope:
            if self._closed:
                scope.cancel()
            self._waits.add(scope)
            try:
                yield
            finally:
                self._waits.remove(scope)

    def _end(self) -> None:
        self._closed = True
        for scope in self._waits:
            scope.cancel()
        self._connection.end("this client was closed")


async def _greet(connection: AsyncConnection, path: str, deadline: float, timeout_seconds: float) -> None:
    try:
        await connection.request("daemon.hello", greeting(), Hello, max(deadline - anyio.current_time(), 0.0))
    except ConnectionLost as error:
        raise turned_away(path, error) from error.__cause__
    except NotResponding as error:
        raise NotResponding(error.method, timeout_seconds) from None
