"""Bytes through a connected socket that does not block."""

import socket
from typing import Final

RECEIVE_BYTES: Final = 64 * 1024
"""The most to read at once: most answers come whole, and the largest in a moderate number of pieces."""

SEND_FLAGS: Final[int] = getattr(socket, "MSG_NOSIGNAL", 0)
"""Without it, a send to a dead daemon would kill a program that restored SIGPIPE's default action."""


def send_some(connected: socket.socket, data: bytes) -> bytes:
    """Send as much as the socket takes now, and return the rest.

    If the peer takes no more bytes, drop the rest: the peer may have said why, so the caller reads on.
    """
    try:
        return data[connected.send(data, SEND_FLAGS) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""


def shut_down(connected: socket.socket) -> None:
    """End the connection, which wakes every wait on the socket."""
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the peer was first
