"""Bytes through a connected socket that does not block, and waits until it is ready for them."""

import select
import socket
from typing import Final

RECEIVE_BYTES: Final = 64 * 1024
"""The most to read at once: most answers come whole, and the largest in a moderate number of pieces."""

SEND_FLAGS: Final[int] = getattr(socket, "MSG_NOSIGNAL", 0)
"""Without it, a send to a dead daemon would kill a program that restored SIGPIPE's default action."""


def wait_until_ready(
    descriptor: socket.socket | int, seconds: float, *, to_read: bool, to_write: bool = False
) -> tuple[bool, bool]:
    """Wait at most that long; return whether it can be read (or has ended), and whether it can be written to.

    eventlet takes poll() away, and has a select() for its green threads. Elsewhere poll() is the better one:
    select() takes no descriptor above 1,023.
    """
    if not hasattr(select, "poll"):
        wanted = [descriptor]
        readable, writable, _ = select.select(wanted * to_read, wanted * to_write, [], seconds)
        return bool(readable), bool(writable)
    ready = select.poll()
    ready.register(descriptor, (select.POLLIN if to_read else 0) | (select.POLLOUT if to_write else 0))
    events = ready.poll(seconds * 1000)
    happened = events[0][1] if events else 0
    return bool(happened & ~select.POLLOUT), bool(happened & ~select.POLLIN)


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
