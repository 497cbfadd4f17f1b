"""The calls of a client: each over the current connection, and over the next one if that is lost.

The strategy:
- A call looks at the current connection. If that has ended, one of the waiting calls connects again, and
  the others wait for their turn and then find the new connection.
- A call that got no answer is sent again if `Attempts` allows it.
- Closing ends every wait: for the daemon, for its greeting, for an answer.
"""

from typing import Any, TypeVar

from workspaced_client._core.attempts import Attempts, note_sessions
from workspaced_client._core.connecting import turned_away
from workspaced_client._core.conversation import ANY_JSON, OnProgress
from workspaced_client._core.daemon_errors import NotFound, ShuttingDown
from workspaced_client._core.hello import greeting
from workspaced_client._core.local_errors import (
    ConnectionLost,
    NotResponding,
    NotRunning,
    WorkspacedError,
)
from workspaced_client._core.timeouts import checked_timeout
from workspaced_protocol.daemon_models import Hello
from workspaced_protocol.params import Params

from .api import AsyncDaemon, AsyncHistory, AsyncProjects, AsyncSessions, AsyncWorkspaces
from .connection import Connection
from .opening import open_socket
from .store_api import AsyncStore
from .waiting import Closed, Turns, now, start_daemon

T = TypeVar("T")


class AsyncCalls:
    """The methods of a connected client, apart from its lifetime, which `AsyncClient` adds."""

    workspaces: AsyncWorkspaces
    """The lifecycle of workspaces."""
    history: AsyncHistory
    """The changes of all workspaces, and the way back."""
    projects: AsyncProjects
    sessions: AsyncSessions
    """The people and programs at work in workspaces."""
    store: AsyncStore
    """The store itself, in the shape of an app's own workspace store."""
    daemon: AsyncDaemon
    """The daemon itself."""

    _connection: Connection  # set by `_begin_first`

    def __init__(self, path: str, timeout_seconds: float, *, reconnect: bool, autostart: bool) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._reconnects = reconnect
        self._autostarts = autostart
        self._renewing = Turns()
        self._closed = Closed()
        self._newest: Connection | None = None  # every older one is closed
        self._session_ids: set[str] = set()
        self.workspaces = AsyncWorkspaces(self._request)
        self.history = AsyncHistory(self._request)
        self.projects = AsyncProjects(self._request)
        self.sessions = AsyncSessions(self._request)
        self.store = AsyncStore(self._request)
        self.daemon = AsyncDaemon(self._request)

    async def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_seconds: float | None = None
    ) -> object:
        """Call any method with plain JSON values, and return its result as such.

        `method` and the names in `params` are the protocol's, such as `workspace.create` and
        `rootPath`. `timeout_seconds` replaces the client's for this call. Raises Unsendable for a param that
        is no JSON value, before anything is sent, and the errors of any call.
        """
        seconds = self._timeout_seconds if timeout_seconds is None else checked_timeout(timeout_seconds)
        return await self._ask(method, {} if params is None else params, ANY_JSON, seconds)

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
        attempts = Attempts(method, params, timeout_seconds, now())
        while True:
            connection = await self._current(attempts)
            try:
                answer = await connection.request(
                    attempts.method,
                    attempts.params,
                    result,
                    attempts.left_seconds(now()),
                    on_progress,
                )
            except (ConnectionLost, ShuttingDown) as error:
                if not self._reconnects:
                    raise
                attempts.lost(error, now())
                # A daemon that ends at each attempt is not called in a busy loop.
                if attempts.is_lost_again or isinstance(error, ShuttingDown):
                    await self._closed.wait(attempts.pause_seconds(error, now()))
            except NotResponding as error:
                raise attempts.timed_out(error) from None
            except NotFound:
                # A session that is to end may have ended already: somebody else ended it.
                note_sessions(self._session_ids, attempts.method, attempts.params, None)
                raise
            else:
                note_sessions(self._session_ids, attempts.method, attempts.params, answer)
                return answer

    async def _current(self, attempts: Attempts) -> Connection:
        """Return the connection to ask over: a new one if the last has ended and the client reconnects."""
        connection = self._connection
        if not connection.is_over or not self._reconnects:
            return connection
        try:
            connection = await self._renewed(connection, attempts)
            self._renewing.give_up(attempts)
        except BaseException:
            self._renewing.give_up(attempts)  # again, in case an interrupt came during the first
            raise
        return connection

    async def _renewed(self, connection: Connection, attempts: Attempts) -> Connection:
        if not await self._renewing.get(attempts, attempts.deadline):
            raise attempts.not_reached()
        if self._connection is connection:
            await connection.close()
            renewed, no_ids = await self._reconnected(attempts), set[str]()
            lost = attempts.sessions_lost(connection.end_reason, self._session_ids)
            # No call from here on, so no interrupt can lose the news that sessions were lost.
            self._connection, self._session_ids = renewed, no_ids
            if lost is not None:
                raise lost
        return self._connection

    async def _reconnected(self, attempts: Attempts) -> Connection:
        while not self._closed.is_set():
            try:
                return await self._begin(attempts.deadline, attempts.timeout_seconds)
            except (NotRunning, NotResponding, ConnectionLost) as error:
                if self._autostarts and isinstance(error, NotRunning):
                    await self._start_again(attempts)
                else:
                    await self._closed.wait(attempts.pause_seconds(error, now()))
        raise attempts.closed()

    async def _start_again(self, attempts: Attempts) -> None:
        """Return once a daemon runs, which this client has started if need be."""
        try:
            await start_daemon(self._path, attempts.left_seconds(now()))
        except WorkspacedError as error:
            if type(error) is NotRunning:  # switched off by the user, so another start is waited for
                self._autostarts = False
            else:
                raise attempts.not_started(error) from None

    def _check_open(self) -> None:
        """Raise ConnectionLost, as every call, if this client was closed."""
        if self._closed.is_set():
            raise ConnectionLost("events.subscribe", "this client was closed")

    async def _begin_first(self) -> None:
        """Connect, for the first time."""
        self._connection = await self._begin(now() + self._timeout_seconds, self._timeout_seconds)

    async def _begin(self, deadline: float, timeout_seconds: float) -> Connection:
        """Return a new connection, once the daemon has answered its hello."""
        connection = Connection(await open_socket(self._path, deadline, timeout_seconds, self._closed))
        self._newest = connection  # so that `_end` finds it from now on
        try:
            if self._closed.is_set():
                await connection.close()
            await _greet(connection, self._path, deadline, timeout_seconds)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _end(self) -> None:
        """Close the connection and end every wait. A second call has no effect."""
        self._closed.set()
        if self._newest is not None:
            await self._newest.close()


async def _greet(connection: Connection, path: str, deadline: float, timeout_seconds: float) -> None:
    try:
        await connection.request("daemon.hello", greeting(), Hello, max(deadline - now(), 0.0))
    except ConnectionLost as error:
        raise turned_away(path, error) from error.__cause__
    except NotResponding as error:
        raise NotResponding(error.method, timeout_seconds) from None
