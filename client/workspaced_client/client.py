"""The blocking client: `Client.connect()` gives one that any number of threads may use at once."""

import os
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from workspaced_client._attempts import Attempts, note_sessions
from workspaced_client._blocking import BlockingConnection, connected_by
from workspaced_client._protocol import ANY_JSON, OnProgress, greeting
from workspaced_client._recovery import warn_of
from workspaced_client._socket import checked_timeout, find_socket, turned_away
from workspaced_client._sync_api import Daemon, Projects, Sessions, Store, Workspaces
from workspaced_client._waits import Closed, Turns
from workspaced_client.errors import ConnectionLost, NotResponding, NotRunning, ShuttingDown
from workspaced_protocol.models import Hello
from workspaced_protocol.params import Params

if TYPE_CHECKING:
    from workspaced_client.events import EventStream, OnLost

T = TypeVar("T")


class Client:
    """A connection to the daemon; make one with `Client.connect()`.

    ```python
    with Client.connect() as client:
        workspace = client.workspaces.create("Alpha", "/home/me/alpha")
    ```

    Every call waits for its answer, at most for the client's timeout, and raises one of
    `workspaced_client.errors`. Threads may share a client: their calls go over the one connection at
    the same time, and none waits for another's. A child process that was forked must connect a
    client of its own. A daemon that restarts is found again: see `connect`.
    """

    workspaces: Workspaces
    """The lifecycle of workspaces."""
    projects: Projects
    sessions: Sessions
    """Who is at work in them."""
    store: Store
    """The store as it is; it has the shape of a workspace store of an app's own."""
    daemon: Daemon
    """The daemon itself."""

    def __init__(self, path: str, timeout_seconds: float, *, reconnect: bool) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._reconnects = reconnect
        self._renewing = Turns(threading.Lock())
        self._closed = Closed()
        self._connection = self._begun(monotonic() + timeout_seconds, timeout_seconds)
        self._session_ids: set[str] = set()
        self.workspaces = Workspaces(self._request)
        self.projects = Projects(self._request)
        self.sessions = Sessions(self._request)
        self.store = Store(self._request)
        self.daemon = Daemon(self._request)

    @classmethod
    def connect(
        cls,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout_seconds: float = 10.0,
        reconnect: bool = True,
        autostart: bool = False,
    ) -> Self:
        """Connects, and says hello, so that whatever is in the way shows here.

        `socket` is the socket's path; without one it is $WORKSPACED_SOCKET, or else the platform's
        default, just as the daemon finds it. `timeout_seconds` is for the connecting, and then for
        each call; `math.inf` waits forever. Warns with RecoveryWarning where the store was damaged.

        Where the connection is lost, a call connects again within its time, and is sent again if that
        is safe: reads are, and writes carry a key that the daemon applies once. `reconnect=False`
        leaves that to the app. With `autostart=True`, a daemon is started where none runs: one, however
        many processes ask at once, which outlives them all.

        Raises NotRunning, NotStarted, NotAllowed, NotResponding, ProtocolUnsupported, UnusableSocketPath,
        CannotConnect for what the system refuses otherwise, ConnectionLost or BadAnswer.
        """
        seconds = checked_timeout(timeout_seconds)
        path = find_socket(socket)
        if autostart:
            from workspaced_client._autostart import ensure_running  # few need it, and it loads much

            ensure_running(path, seconds)
        client = cls(path, seconds, reconnect=reconnect)
        try:
            warn_of(client.daemon.status().recovery, stacklevel=2)
        except BaseException:
            client.close()
            raise
        return client

    def call(
        self, method: str, params: dict[str, Any] | None = None, *, timeout_seconds: float | None = None
    ) -> object:
        """Calls any method with plain JSON values, and gives its result as such.

        `method` and the names in `params` are those on the wire, such as `workspace.create` and
        `rootPath`. `timeout_seconds` is this call's own, in place of the client's. Raises Unsendable
        where the params are no JSON, and else what any call does.
        """
        seconds = self._timeout_seconds if timeout_seconds is None else checked_timeout(timeout_seconds)
        return self._ask(method, {} if params is None else params, ANY_JSON, seconds)

    def events(
        self,
        topics: Sequence[str] | None = None,
        *,
        since: int | None = None,
        on_lost: "OnLost | None" = None,
        on_found: "Callable[[], None] | None" = None,
    ) -> "EventStream":
        """The daemon's events from now on, or from after the store's revision `since`, as an iterator.

        `topics` are names or patterns such as `workspace.*`; without them, all. The stream has a
        connection of its own, finds the daemon again by itself, and gives each event once, or an
        `EventGap` where it can't; `on_lost` is called with the error each time that it has to look,
        and `on_found` once the subscription holds again.
        It lasts until it is closed, also after the client. Raises what `connect` does.
        """
        from workspaced_client._feed import EventFeed  # for those who want events
        from workspaced_client.events import EventStream

        return EventStream(self._path, EventFeed(topics, since), self._timeout_seconds, on_lost, on_found)

    def _request(
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
        return self._ask(method, params, result, seconds, on_progress)

    def _ask(
        self,
        method: str,
        params: object,
        result: type[T],
        timeout_seconds: float,
        on_progress: OnProgress | None = None,
    ) -> T:
        attempts = Attempts(method, params, timeout_seconds, monotonic())
        while True:
            connection = self._current(attempts)
            try:
                answer = connection.request(
                    method, attempts.params, result, attempts.left_seconds(monotonic()), on_progress
                )
            except (ConnectionLost, ShuttingDown) as error:
                if not self._reconnects:
                    raise
                attempts.lost(error, monotonic())
                if isinstance(error, ShuttingDown):
                    self._closed.wait(attempts.pause_seconds(error, monotonic()))
            except NotResponding as error:
                raise attempts.timed_out(error) from None
            else:
                note_sessions(self._session_ids, method, params, answer)
                return answer

    def _current(self, attempts: Attempts) -> BlockingConnection:
        """The connection to ask over: a new one where the last has ended, and this client is to reconnect."""
        connection = self._connection
        if not connection.is_over or not self._reconnects:
            return connection
        try:
            connection = self._renewed(connection, attempts)
            self._renewing.give_up(attempts)
        except BaseException:
            self._renewing.give_up(attempts)  # again, where the interrupt came in the giving up itself
            raise
        return connection

    def _renewed(self, connection: BlockingConnection, attempts: Attempts) -> BlockingConnection:
        if not self._renewing.get(attempts, attempts.deadline):
            raise attempts.not_reached()
        if self._connection is connection:
            connection.close()
            renewed, no_ids = self._reconnected(attempts), set[str]()
            lost = attempts.sessions_lost(connection.end_reason, self._session_ids)
            # From here on there is no call, and so no moment for an interrupt to let the loss be forgotten.
            self._connection, self._session_ids = renewed, no_ids
            if lost is not None:
                raise lost
        return self._connection

    def _reconnected(self, attempts: Attempts) -> BlockingConnection:
        while not self._closed.is_set():
            try:
                return self._begun(attempts.deadline, attempts.timeout_seconds)
            except (NotRunning, NotResponding, ConnectionLost) as error:
                self._closed.wait(attempts.pause_seconds(error, monotonic()))
        raise attempts.closed()

    def _begun(self, deadline: float, timeout_seconds: float) -> BlockingConnection:
        """A new connection, once the daemon has answered its hello."""
        connection = BlockingConnection(connected_by(self._path, deadline, timeout_seconds, self._closed))
        self._newest = connection  # for who closes the client meanwhile
        try:
            if self._closed.is_set():
                connection.close()
            _greet(connection, self._path, deadline, timeout_seconds)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Ends the connection, and with it the sessions begun on it. A second time has no effect.

        Calls that other threads have under way raise ConnectionLost.
        Not for a signal's handler, which may have interrupted a call in this very thread: raise there instead.
        """
        self._closed.set()
        self._newest.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _greet(connection: BlockingConnection, path: str, deadline: float, timeout_seconds: float) -> None:
    try:
        connection.request("daemon.hello", greeting(), Hello, max(deadline - monotonic(), 0.0))
    except ConnectionLost as error:
        raise turned_away(path, error) from error.__cause__
    except NotResponding as error:
        raise NotResponding(error.method, timeout_seconds) from None
