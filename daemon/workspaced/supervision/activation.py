"""The listening socket that a service manager has bound and passes on: systemd's sockets, and launchd's.

The manager keeps such a socket while the daemon is away, so clients that connect meanwhile wait in its
backlog for the next daemon to accept them.
"""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from workspaced.rpc.listener import SocketUnusable
from workspaced.supervision.launchd import launchd_socket

FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)

_NAMES: Final = ("workspaced", "workspaced.socket")  # FileDescriptorName= of our unit, and what it is without
_NAMELESS: Final = ("", "unknown")  # sd_listen_fds_with_names(3)


def inherited_socket(
    environment: MutableMapping[str, str], first_descriptor: int = FIRST_DESCRIPTOR
) -> socket.socket | None:
    """The listening socket that was passed to this process, or None. The caller closes it.

    systemd tells by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; from launchd it is asked for by the
    name in LAUNCHD_SOCKET, a key of the job's `Sockets`. All are taken from the environment, so that no
    child takes them for its own. Raises SocketUnusable for anything but one socket to listen on.
    """
    pid = environment.pop("LISTEN_PID", "")
    count = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "")
    environment.pop("LISTEN_PIDFDID", "")
    launchd_name = environment.pop("LAUNCHD_SOCKET", "")
    if pid == str(os.getpid()) and count not in ("", "0"):
        return _checked(_systemd_descriptor(count, names, first_descriptor))
    if launchd_name:
        return _checked(launchd_socket(launchd_name))
    return None


def _systemd_descriptor(count: str, names: str, first_descriptor: int) -> int:
    if not (count.isascii() and count.isdigit()):
        raise SocketUnusable(f"LISTEN_FDS is {count!r}, no number: see sd_listen_fds(3), or unset it.")
    descriptors = range(first_descriptor, first_descriptor + int(count))
    for descriptor in descriptors:
        _keep_from_children(descriptor)
    named = dict(zip(descriptors, names.split(":"), strict=False))
    ours = [descriptor for descriptor in descriptors if named.get(descriptor, "") in _NAMES]
    if not ours and len(descriptors) == 1 and named.get(first_descriptor, "") in _NAMELESS:
        ours = [first_descriptor]
    if len(ours) != 1:
        raise SocketUnusable(
            f"The service manager passed {count} sockets named {names or 'nothing'}, and one named workspaced is "
            "needed: give the socket unit one ListenStream= and FileDescriptorName=workspaced."
        )
    return ours[0]


def _keep_from_children(descriptor: int) -> None:
    try:
        os.set_inheritable(descriptor, False)
    except OSError as error:
        raise SocketUnusable(
            f"LISTEN_FDS counts descriptor {descriptor}, which is not open: let the service manager set it, "
            "or unset it."
        ) from error


def _checked(descriptor: int) -> socket.socket:
    """The socket, once it is known to be one that clients can connect to by a path."""
    try:
        passed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _unusable(descriptor, "is no socket") from error
    try:
        problem = _problem(passed)
        if problem:
            raise _unusable(descriptor, problem)
        passed.set_inheritable(False)
    except BaseException:
        passed.close()
        raise
    return passed


def _problem(passed: socket.socket) -> str | None:
    if passed.family != socket.AF_UNIX:
        return f"is of {_name_of(passed.family)}, not a Unix socket"
    if passed.type != socket.SOCK_STREAM:
        return f"is of {_name_of(passed.type)}, not a stream"
    if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "is one connection, or is not listening (Accept=yes passes connections: it must be no)"
    # An abstract name is given as bytes, a socket without a name as an empty string.
    name: str | bytes = passed.getsockname()
    if not isinstance(name, str) or not name:
        return "is not bound to a path, so no client could find it"
    return None


def _name_of(kind: int) -> str:
    return getattr(kind, "name", str(kind))


def _unusable(descriptor: int, problem: str) -> SocketUnusable:
    return SocketUnusable(
        f"The service manager passed descriptor {descriptor}, which {problem}: give the socket unit "
        "ListenStream= with an absolute path."
    )
