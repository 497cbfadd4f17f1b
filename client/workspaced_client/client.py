"""The blocking client: `Client.connect()` gives one that any number of threads may use at once."""

import os
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self, TypeVar

from workspaced_client._blocking import BlockingConnection
from workspaced_client._protocol import ANY_JSON
from workspaced_client._recovery import warn_of
from workspaced_client._socket import (
    BACKLOG_RETRY_SECONDS,
    checked_timeout,
    find_socket,
    remaining,
    try_to_connect,
    turned_away,
)
from workspaced_client._sync_api import Daemon, Projects, Sessions, Store, Workspaces
from workspaced_client.errors import ConnectionLost, NotResponding
from workspaced_protocol.params import Params

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
    client of its own. Once the connection has ended, every call raises ConnectionLost.
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

    def __init__(self, connection: BlockingConnection, timeout_seconds: float) -> None:
        self._connection = connection
        self._timeout_seconds = timeout_seconds
        self.workspaces = Workspaces(self._request)
        self.projects = Projects(self._request)
        self.sessions = Sessions(self._request)
        self.store = Store(self._request)
        self.daemon = Daemon(self._request)

    @classmethod
    def connect(cls, socket: str | os.PathLike[str] | None = None, *, timeout_seconds: float = 10.0) -> Self:
        """Connects, and says hello, so that whatever is in the way shows here.

        `socket` is the socket's path; without one it is $WORKSPACED_SOCKET, or else the platform's
        default, just as the daemon finds it. `timeout_seconds` is for the connecting, and then for
        each call; `math.inf` waits forever. Warns with RecoveryWarning where the store was damaged.

        Raises NotRunning, NotAllowed, NotResponding, ProtocolUnsupported, UnusableSocketPath,
        CannotConnect for what the system refuses otherwise, ConnectionLost or BadAnswer.
        """
        deadline = monotonic() + checked_timeout(timeout_seconds)
        path = find_socket(socket)
        connected = try_to_connect(path)
        while connected is None:
            left = remaining(deadline, monotonic())
            if not left:
                raise NotResponding("connect", timeout_seconds)
            sleep(min(left, BACKLOG_RETRY_SECONDS))
            connected = try_to_connect(path)
        client = cls(BlockingConnection(connected), timeout_seconds)
        try:
            client.daemon.hello()
            warn_of(client.daemon.status().recovery, stacklevel=2)
        except ConnectionLost as error:
            client.close()
            raise turned_away(path, error) from error.__cause__
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
        return self._connection.request(method, {} if params is None else params, ANY_JSON, seconds)

    def _request(self, method: str, params: Params, result: type[T], /) -> T:
        return self._connection.request(method, params, result, self._timeout_seconds)

    def close(self) -> None:
        """Ends the connection, and with it the sessions begun on it. A second time has no effect.

        Calls that other threads have under way raise ConnectionLost.
        """
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
