"""Socket activation: the listening socket that systemd or launchd passes to the daemon.

The manager keeps the socket open while no daemon runs. Clients that connect meanwhile wait in its backlog
until the next daemon accepts them.
"""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from workspaced.rpc.socket_file import SocketUnusable
from workspaced.supervision.launchd import launchd_socket

FIRST_DESCRIPTOR: Final = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)

_NAMES: Final = ("workspaced", "workspaced.socket")  # FileDescriptorName= of our unit, and its default
_NAMELESS: Final = ("", "unknown")  # sd_listen_fds_with_names(3)


def inherited_socket(
    environment: MutableMapping[str, str], first_descriptor: int = FIRST_DESCRIPTOR
) -> socket.socket | None:
    """Return the listening socket passed to this process, or None. The caller closes it.

    systemd describes it in LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. launchd gives it for the name in
    LAUNCHD_SOCKET, a key of the job's `Sockets`. All these variables are removed from the environment, so
    that no child process uses them. Raises SocketUnusable unless exactly one listening socket was passed.
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
        raise SocketUnusable(f"LISTEN_FDS is {count!r}, not a number: see sd_listen_fds(3), or unset it.")
    descriptors = range(first_descriptor, first_descriptor + int(count))
    for descriptor in descriptors:
        _keep_from_children(descriptor)
    named = dict(zip(descriptors, names.split(":"), strict=False))
    ours = [descriptor for descriptor in descriptors if named.get(descriptor, "") in _NAMES]
    if not ours and len(descriptors) == 1 and named.get(first_descriptor, "") in _NAMELESS:
        ours = [first_descriptor]
    if len(ours) != 1:
        raise SocketUnusable(
            f"The service manager passed {count} sockets (names: {names or 'none'}), but exactly one must be named "
            "workspaced: give the socket unit one ListenStream= and FileDescriptorName=workspaced."
        )
    return ours[0]


def _keep_from_children(descriptor: int) -> None:
    try:
        os.set_inheritable(descriptor, False)
    except OSError as error:
        raise SocketUnusable(
            f"LISTEN_FDS includes descriptor {descriptor}, which is not open: let the service manager set the "
            "variable, or unset it."
        ) from error


def _checked(descriptor: int) -> socket.socket:
    """Return the socket after checking that clients can connect to it by a path."""
    try:
        passed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise _unusable(descriptor, "is not a socket") from error
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
        return f"has the family {_name_of(passed.family)}, not AF_UNIX"
    if passed.type != socket.SOCK_STREAM:
        return f"has the type {_name_of(passed.type)}, not SOCK_STREAM"
    if not passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "is a connection or does not listen (the socket unit must not have Accept=yes)"
    # getsockname() returns bytes for an abstract name, an empty string for an unnamed socket.
    name: str | bytes = passed.getsockname()
    if not isinstance(name, str) or not name:
        return "is not bound to a path, so clients could not find it"
    return None


def _name_of(kind: int) -> str:
    return getattr(kind, "name", str(kind))


def _unusable(descriptor: int, problem: str) -> SocketUnusable:
    return SocketUnusable(
        f"The service manager passed descriptor {descriptor}, which {problem}: give the socket unit "
        "ListenStream= with an absolute path."
    )
