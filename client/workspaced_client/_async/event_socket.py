"""The socket of an event stream: one task uses it, and any task may close it.

Written by hand beside `_sync/event_socket.py`, which needs a lock and a poll in place of the event loop.
"""

import socket

import anyio

from workspaced_client._core.event_feed import EventFeed
from workspaced_client._core.local_errors import ConnectionLost
from workspaced_client._core.socket_io import RECEIVE_BYTES, send_some, shut_down

from .waiting import Closed


class EventSocket:
    """The current connection of a stream, or none."""

    def __init__(self, closed: Closed) -> None:
        self._closed = closed
        self._socket: socket.socket | None = None
        self._in_use = False

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    def take(self, connected: socket.socket) -> None:
        """Use this connection from now on."""
        self._socket = connected

    async def exchange(self, feed: EventFeed, deadline: float) -> bool:
        """Send outgoing bytes of the feed, or else let it receive some; wait until one is possible.

        May do nothing, such as after the closing. Returns False if the deadline came first. Raises
        ConnectionLost and the errors of `EventFeed.receive`.
        """
        connected = self._socket
        if connected is None or self._closed.is_set():
            return True
        self._in_use, in_time = True, False
        try:
            with anyio.CancelScope(deadline=deadline):
                await (anyio.wait_writable if feed.outgoing else anyio.wait_readable)(connected)
                in_time = True
            # After the deadline too: what has arrived by then counts.
            if feed.outgoing:
                before, feed.outgoing = feed.outgoing, send_some(connected, feed.outgoing)
                return in_time or len(feed.outgoing) < len(before)
            feed.receive(connected.recv(RECEIVE_BYTES))
        except BlockingIOError:
            return in_time
        except OSError as error:
            raise ConnectionLost("events.subscribe", error.strerror or str(error)) from error
        finally:
            self._in_use = False
            if self._closed.is_set():
                connected.close()
        return True

    def drop(self) -> None:
        """Close the connection, if any, so that the next step connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def end(self, *, forked: bool) -> None:
        """Close the connection for good, after `closed` was set; in a forked child, this process's copy alone."""
        if self._socket is None:
            return
        if not self._in_use:
            self._socket.close()
        elif not forked:  # else the parent owns it
            shut_down(self._socket)  # wakes the task that uses it, which then closes it
