"""The lifetime of a blocking client: from `Client.connect()` to its `close()`.

Written by hand beside `_async/client.py`: an async client lives in a block, and this one wherever its owner keeps
it. Their calls are the same: see `calls`.
"""

import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workspaced_client._core.recovery_warning import warn_of
from workspaced_client._core.socket_path import find_socket
from workspaced_client._core.timeouts import checked_timeout

from .calls import Calls
from .waiting import start_daemon

if TYPE_CHECKING:
    from workspaced_client._core.event_feed import OnLost

    from .events import EventStream


class Client(Calls):
    """A connection to the daemon; make one with `Client.connect()`.

    ```python
    with Client.connect() as client:
        workspace = client.workspaces.create("Alpha", "/home/me/alpha")
    ```

    Every call waits for its answer, at most for the client's timeout, and raises one of
    `workspaced_client.errors`. Threads may share a client: their calls use the one connection at the same
    time, and none waits for another's. A forked child must connect a client of its own. After a restart of
    the daemon the client connects again: see `connect`.
    """

    __module__ = "workspaced_client"  # as users import it

    @classmethod
    def connect(
        cls,
        socket: str | os.PathLike[str] | None = None,
        *,
        timeout_seconds: float = 10.0,
        reconnect: bool = True,
        autostart: bool = False,
    ) -> Self:
        """Connect and say hello, so that every obstacle shows here.

        `socket` is the socket's path; the default is $WORKSPACED_SOCKET, or else the platform's path, by the
        daemon's own rules. `timeout_seconds` is the limit for connecting, and then for each call; `math.inf`
        waits forever, and None is a TypeError. Warns with RecoveryWarning if the store was damaged.

        After the connection is lost, a call connects again within its time, and is sent again if that is
        safe: reads are, and writes carry a key that the daemon applies once. `reconnect=False` leaves this
        to the app. `autostart=True` starts a daemon if none runs, also when it connects again: one, however many
        processes ask at once, and it outlives them all.

        Raises NotRunning, NotStarted, NotAllowed, NotResponding, ProtocolUnsupported, UnusableSocketPath,
        CannotConnect for other refusals of the system, ConnectionLost or BadAnswer.
        """
        seconds = checked_timeout(timeout_seconds)
        path = find_socket(socket)
        if autostart:
            start_daemon(path, seconds)
        client = cls(path, seconds, reconnect=reconnect, autostart=autostart)
        try:
            client._begin_first()
            warn_of(client.daemon.status().recovery, stacklevel=2)
        except BaseException:
            client.close()
            raise
        return client

    def events(
        self,
        topics: Sequence[str] | None = None,
        *,
        since: int | None = None,
        on_lost: "OnLost | None" = None,
        on_found: "Callable[[], None] | None" = None,
    ) -> "EventStream":
        """Return an iterator of the daemon's events from now on, or after the store's revision `since`.

        `topics` are names or patterns such as `workspace.*`; the default is all. The stream has a connection
        of its own and reconnects by itself. It returns each event once, or an `EventGap` for missed ones.
        `on_lost` is called with the error at each loss of the connection, and `on_found` when the
        subscription holds again. The stream lasts until it is closed, even after the client. Raises the
        errors of `connect`, and ConnectionLost after `close`.
        """
        self._check_open()
        from workspaced_client._core.event_feed import EventFeed  # only users of events need it

        from .events import EventStream

        stream = EventStream(self._path, EventFeed(topics, since), self._timeout_seconds, on_lost, on_found)
        return stream.__enter__()

    def close(self) -> None:
        """End the connection, and the sessions begun on it. A second call has no effect.

        Calls of other threads under way raise ConnectionLost. Do not call it from a signal handler, which
        may have interrupted a call in this very thread: raise there instead.
        """
        self._end()

    def __enter__(self) -> Self:
        if self._closed.is_set():
            raise RuntimeError("This client was closed: make another one with Client.connect().")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
