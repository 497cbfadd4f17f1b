"""Opens the daemon's socket, and waits for room in its backlog."""

import socket

from workspaced_client._core.connecting import BACKLOG_RETRY_SECONDS, try_to_connect
from workspaced_client._core.local_errors import NotResponding
from workspaced_client._core.timeouts import remaining

from .waiting import Closed, now


async def open_socket(path: str, deadline: float, timeout_seconds: float, closed: Closed) -> socket.socket:
    """Return a connected socket that never blocks.

    Raises NotResponding if the backlog stayed full until the deadline or the closing, and the errors of
    `try_to_connect`.
    """
    while (connected := try_to_connect(path)) is None:
        left = remaining(deadline, now())
        if not left or closed.is_set():
            raise NotResponding("connect", timeout_seconds)
        await closed.wait(min(left, BACKLOG_RETRY_SECONDS))
    return connected
