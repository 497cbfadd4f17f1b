"""One attempt to connect to the daemon's socket, and the error for each way it can fail."""

import errno
import os
import socket
import stat
import sys
from typing import Final

from workspaced_client._core.local_errors import (
    CannotConnect,
    ConnectionLost,
    NotAllowed,
    NotRunning,
    WorkspacedError,
)

BACKLOG_RETRY_SECONDS: Final = 0.01
"""The pause before the next attempt while the daemon's backlog is full: no event announces room in it."""

_SO_NOSIGPIPE: Final = 0x1022
"""macOS's form of MSG_NOSIGNAL, a socket option (sys/socket.h); Python has no name for it."""

_NO_SOCKET: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK)


def try_to_connect(path: str) -> socket.socket | None:
    """Return a connected socket that never blocks, or None while the daemon's backlog is full.

    Raises NotRunning, NotAllowed or CannotConnect.
    """
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotConnect(path, _reason(error)) from error
    try:
        connection.setblocking(False)
        if sys.platform == "darwin":
            connection.setsockopt(socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)
        # A local connect succeeds or fails at once: a full backlog is EAGAIN on Linux (unix(7)).
        connection.connect(path)
    except BlockingIOError:
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise _failure(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _failure(path: str, error: OSError) -> CannotConnect:
    if isinstance(error, PermissionError):
        return NotAllowed(path, f"{_reason(error)} (the socket belongs to {_owner(path)})")
    if error.errno in _NO_SOCKET or (error.errno == errno.ECONNREFUSED and not _is_socket(path)):
        there = "a directory instead of a socket" if os.path.isdir(path) else "no socket"
        return NotRunning(path, f"there is {there}")
    if error.errno == errno.ECONNREFUSED:
        return NotRunning(path, "nobody listens on the socket")
    return CannotConnect(path, _reason(error))


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def turned_away(path: str, lost: ConnectionLost) -> WorkspacedError:
    """Return the error to raise when the daemon closed the connection before its first answer.

    The daemon closes connections of other users without a word (all but its own user's and root's). The
    owner of the socket tells whether that is the case here.
    """
    try:
        owner = os.stat(path).st_uid
    except OSError:
        return lost
    if os.geteuid() in (0, owner):
        return lost
    return NotAllowed(path, f"it closed the connection, and its socket belongs to {_owner(path)}")


def _owner(path: str) -> str:
    import pwd

    try:
        uid = os.stat(path).st_uid
    except OSError:
        return "another user"
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
