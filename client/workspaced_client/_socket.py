"""What both clients do with the socket: find its path, try to connect, tell what went wrong there."""

import errno
import os
import socket
import stat
import sys
from typing import Final

from workspaced_client.errors import (
    CannotConnect,
    ConnectionLost,
    NotAllowed,
    NotRunning,
    UnusableSocketPath,
    WorkspacedError,
)

RECEIVE_BYTES: Final = 64 * 1024
"""How much to take from the socket at once: most answers whole, the largest in not too many pieces."""

SEND_FLAGS: Final[int] = getattr(socket, "MSG_NOSIGNAL", 0)
"""A program may have given SIGPIPE its default action back: a send to a daemon that is gone would kill it."""

_SO_NOSIGPIPE: Final = 0x1022
"""The same for macOS, as a socket's option (sys/socket.h); Python has no name for it."""

BACKLOG_RETRY_SECONDS: Final = 0.01
"""How soon to try again where the daemon's queue of connections is full: nothing tells when it has room."""

LONGEST_WAIT_SECONDS: Final = 3600.0
"""Waits are made in parts of at most an hour, since the system's calls take no endless time."""

_NO_SOCKET: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENOTSOCK)


def find_socket(explicit: str | os.PathLike[str] | None) -> str:
    """The path to connect to, found as the daemon finds its own. Raises UnusableSocketPath."""
    from workspaced_protocol import paths  # it loads platformdirs, which takes as long as all else here

    try:
        return str(paths.socket_path(explicit))
    except paths.UnusablePath as error:
        raise UnusableSocketPath(str(error)) from error


def checked_timeout(seconds: float) -> float:
    """`seconds`, or ValueError where that is no time to wait."""
    if not seconds > 0:
        raise ValueError(
            f"timeout_seconds must be more than 0, not {seconds!r}; use math.inf to wait forever."
        )
    return float(seconds)


def try_to_connect(path: str) -> socket.socket | None:
    """A connected socket that never blocks; None where the daemon's queue is full and to try again.

    Raises NotRunning, NotAllowed or CannotConnect.
    """
    try:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotConnect(path, _told(error)) from error
    try:
        connection.setblocking(False)
        if sys.platform == "darwin":
            connection.setsockopt(socket.SOL_SOCKET, _SO_NOSIGPIPE, 1)
        # A local connect is done at once, or not at all: a full queue is EAGAIN on Linux (unix(7)).
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
        return NotAllowed(path, f"{_told(error)} (the socket belongs to {_owner(path)})")
    if error.errno in _NO_SOCKET or (error.errno == errno.ECONNREFUSED and not _is_socket(path)):
        return NotRunning(path, "there is no socket")
    if error.errno == errno.ECONNREFUSED:
        return NotRunning(path, "nobody listens on the socket")
    return CannotConnect(path, _told(error))


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def turned_away(path: str, lost: ConnectionLost) -> WorkspacedError:
    """What it means that the daemon ended the connection before it answered anything.

    It does so to every user but its own and root, without a word; who that is, the socket tells.
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


def _told(error: OSError) -> str:
    return error.strerror or str(error)


def program_name() -> str:
    """The name that this program goes by, for the daemon's log."""
    directory, name = os.path.split(sys.argv[0] if sys.argv else "")
    if name == "__main__.py":  # `python -m package`
        name = os.path.basename(directory)
    if name in ("", "-c"):
        name = os.path.basename(sys.executable or "python")
    return name.encode(errors="replace").decode()


def remaining(deadline: float, now: float) -> float:
    """The seconds left to wait for, from 0 to `LONGEST_WAIT_SECONDS`."""
    return min(max(deadline - now, 0.0), LONGEST_WAIT_SECONDS)


def send_some(connected: socket.socket, data: bytes) -> bytes:
    """Sends what there is room for, and gives the rest. Where the other end takes no more, that is nothing: it
    may have said why, so read on."""
    try:
        return data[connected.send(data, SEND_FLAGS) :]
    except BlockingIOError:
        return data
    except OSError:
        return b""


def shut_down(connected: socket.socket) -> None:
    """Ends the connection under those who wait on the socket, so that they wake."""
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other end was first
