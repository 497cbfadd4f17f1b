"""The socket of an event stream: one thread uses it, and any thread may close it.

Written by hand beside `_async/event_socket.py`: threads need a lock, and each step must survive Ctrl-C (see
`waiting`).
"""

import socket
import threading

from workspaced_client._core.event_feed import EventFeed
from workspaced_client._core.local_errors import ConnectionLost
from workspaced_client._core.socket_io import RECEIVE_BYTES, send_some, shut_down, wait_until_ready
from workspaced_client._core.timeouts import remaining

from .waiting import Closed, now


class EventSocket:
    """The current connection of a stream, or none."""

    def __init__(self, closed: Closed) -> None:
        self._closed = closed
        self._lock = threading.Lock()  # guards the next two
        self._socket: socket.socket | None = None
        self._in_use = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def take(self, connected: socket.socket) -> None:
        """Use this connection from now on."""
        with self._lock:
            self._socket = connected

    def exchange(self, feed: EventFeed, deadline: float) -> bool:
        """Send outgoing bytes of the feed, or else let it receive some; wait until one is possible.

        May do nothing, such as after the closing. Returns False if the deadline came first. Raises
        ConnectionLost and the errors of `EventFeed.receive`.
        """
        with self._lock:
            connected = self._socket
            if connected is None or self._closed.is_set():
                return True
            self._in_use = True
        try:
            left, sends = remaining(deadline, now()), bool(feed.outgoing)
            if not any(wait_until_ready(connected, left, to_read=not sends, to_write=sends)):
                return bool(left)
            if feed.outgoing:
                feed.outgoing = send_some(connected, feed.outgoing)
            else:
                feed.receive(connected.recv(RECEIVE_BYTES))
        except BlockingIOError:
            return True
        except OSError as error:
            raise ConnectionLost("events.subscribe", error.strerror or str(error)) from error
        finally:
            with self._lock:
                self._in_use = False
                if self._closed.is_set():
                    connected.close()
        return True

    def drop(self) -> None:
        """Close the connection, if any, so that the next step connects again."""
        with self._lock:
            connected, self._socket = (
                self._socket,
                None,
            )  # first, so that an interrupt leaves no closed socket
            if connected is not None:
                connected.close()

    def end(self, *, forked: bool) -> None:
        """Close the connection for good, after `closed` was set; in a forked child, this process's copy alone."""
        if forked:
            if self._socket is not None:
                self._socket.close()
            return
        with self._lock:
            if self._socket is None:
                return
            if self._in_use:
                shut_down(self._socket)  # wakes the thread that uses it, which then closes it
            else:
                self._socket.close()
