"""The async client: `AsyncClient.connect()`, under trio and asyncio alike (by anyio).

The strategy: one task reads all answers and settles the calls they are for; each call sends its own
request, one at a time, and waits for its event. What a cancelled call had left to send is sent by the
next, so that the stream stays whole.
"""

import os
import socket as sockets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

import anyio

from workspaced_client._async_api import (
    AsyncDaemon,
    AsyncProjects,
    AsyncSessions,
    AsyncStore,
    AsyncWorkspaces,
)
from workspaced_client._protocol import ANY_JSON, Conversation, PendingCall, not_responding, result_of
from workspaced_client._recovery import warn_of
from workspaced_client._socket import (
    BACKLOG_RETRY_SECONDS,
    RECEIVE_BYTES,
    SEND_FLAGS,
    checked_timeout,
    find_socket,
    shut_down,
    try_to_connect,
    turned_away,
)
from workspaced_client.errors import ConnectionLost, NotResponding
from workspaced_protocol.params import Params

T = TypeVar("T")


class AsyncConnection:
    """One connected socket, shared by the tasks of one event loop; it must not block."""

    def __init__(self, connected: sockets.socket) -> None:
        self._socket = connected
        self._conversation = Conversation()
        self._sending = anyio.Lock(fast_acquire=True)  # each request waits for its answer anyway
        self._events: dict[PendingCall, anyio.Event] = {}

    async def read_answers(self) -> None:
        """Settles calls until the connection ends; runs beside them."""
        while not self._conversation.ended:
            await anyio.wait_readable(self._socket)
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                data = b""  # the daemon closed it, with something of ours unread
            except OSError as error:
                self.end(f"it failed: {error.strerror or error}")
                return
            self._wake(self._conversation.receive(data))
        shut_down(self._socket)  # after nonsense, the other end is still there

    async def request(self, method: str, params: object, result: type[T], timeout_seconds: float) -> T:
        """Sends a call and waits for its answer. Raises what `workspaced_client.errors` lists."""
        call = self._conversation.prepare(method, params)
        event = self._events[call] = anyio.Event()
        try:
            with anyio.move_on_after(timeout_seconds):
                await self._send(call)
                if not call.settled:
                    await event.wait()
        finally:
            del self._events[call]
            if not call.settled:
                self._conversation.abandon(call)
        if not call.settled:
            raise not_responding(call, timeout_seconds)
        return result_of(call, result)

    async def _send(self, call: PendingCall) -> None:
        async with self._sending:
            await self._flush(call)
            self._conversation.send(call)
            await self._flush(call)

    async def _flush(self, call: PendingCall) -> None:
        while self._conversation.outgoing and not call.settled:
            try:
                self._conversation.sent(self._socket.send(self._conversation.outgoing, SEND_FLAGS))
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError:
                self._conversation.stop_sending()

    def _wake(self, settled: list[PendingCall]) -> None:
        for call in settled:
            self._events[call].set()

    def end(self, reason: str) -> None:
        """Ends the conversation: calls under way raise ConnectionLost, and so do later ones."""
        self._wake(self._conversation.end(reason))

    async def close(self) -> None:
        """Closes the socket, once nothing reads from it any more."""
        shut_down(self._socket)  # it lets a task that waits to send go on, and so leave the lock
        with anyio.CancelScope(shield=True):
            async with self._sending:
                self._socket.close()


class AsyncClient:
    """A connection to the daemon; make one with `AsyncClient.connect()`.

    ```python
    async with AsyncClient.connect() as client:
        workspace = await client.workspaces.create("Alpha", "/home/me/alpha")
    ```

    Every call waits for its answer, at most for the client's timeout, and raises one of
    `workspaced_client.errors`. Tasks may share a client: their calls go over the one connection at the
    same time, and none waits for another's. A cancelled call's answer is dropped; a write that was
    sent may be applied all the same. Once the connection has ended, every call raises ConnectionLost.
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

    def __init__(self, connection: AsyncConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self.workspaces = AsyncWorkspaces(self._request)
        self.projects = AsyncProjects(self._request)
        self.sessions = AsyncSessions(self._request)
        self.store = AsyncStore(self._request)
        self.daemon = AsyncDaemon(self._request)

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, socket: str | os.PathLike[str] | None = None, *, timeout_seconds: float = 10.0
    ) -> AsyncGenerator[Self]:
        """Connects, and says hello, so that whatever is in the way shows here; disconnects at the end.

        The arguments and errors are those of `Client.connect`. What the body of the `async with`
        raises comes out of it as it is, never in an ExceptionGroup.
        """
        seconds = checked_timeout(timeout_seconds)
        path = find_socket(socket)
        connection = AsyncConnection(await _connected(path, seconds))
        client = cls(connection, seconds)
        failure: BaseException | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(connection.read_answers)
                try:
                    await client._greet(path)
                    yield client
                except BaseException as error:
                    failure = error
                    raise
                finally:
                    connection.end("this client was closed")
                    group.cancel_scope.cancel()
        except BaseException:
            # A cancellation is the group's to tell of, and without a failure this is the group's own.
            if failure is None or isinstance(failure, anyio.get_cancelled_exc_class()):
                raise
        finally:
            await connection.close()
        if failure is not None:
            raise failure

    async def _greet(self, path: str) -> None:
        try:
            await self.daemon.hello()
            notice = (await self.daemon.status()).recovery
        except ConnectionLost as error:
            raise turned_away(path, error) from error.__cause__
        # Above are the generator of `connect`, its context manager, and the app.
        warn_of(notice, stacklevel=4)

    async def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_seconds: float | None = None
    ) -> object:
        """Calls any method with plain JSON values, and gives its result as such.

        `method` and the names in `params` are those on the wire, such as `workspace.create` and
        `rootPath`. `timeout_seconds` is this call's own, in place of the client's. Raises Unsendable
        where the params are no JSON, and else what any call does.
        """
        seconds = self._timeout_seconds if timeout_seconds is None else checked_timeout(timeout_seconds)
        return await self._connection.request(method, {} if params is None else params, ANY_JSON, seconds)

    async def _request(self, method: str, params: Params, result: type[T], /) -> T:
        return await self._connection.request(method, params, result, self._timeout_seconds)


async def _connected(path: str, timeout_seconds: float) -> sockets.socket:
    with anyio.move_on_after(timeout_seconds):
        while (connected := try_to_connect(path)) is None:  # noqa: ASYNC110 - no event tells of room
            await anyio.sleep(BACKLOG_RETRY_SECONDS)
        return connected
    raise NotResponding("connect", timeout_seconds)
