"""The holder of the lock on a data directory, seen from a client.

The client opens the lock's file for reading, never creates it, and tries to share the lock. While a daemon
holds it, that fails at once and changes nothing. A daemon that starts in this moment tries again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from workspaced_protocol.datadir import LOCK, MAX_OWNER_BYTES, LockOwner, parse_owner


class Held:
    """A lock that a process holds; `owner` is None until that process has written its record."""

    __slots__ = ("owner",)

    def __init__(self, owner: LockOwner | None) -> None:
        self.owner = owner

    @property
    def who(self) -> str:
        """The holder, in words."""
        return f"pid {self.owner.pid}" if self.owner else "a process that has not written its pid"


def stranded(data_dir: str | os.PathLike[str], socket: str, answering_pid: int | None) -> str | None:
    """Return a sentence if a daemon holds the directory and should listen on `socket`, which does not lead to it.

    `answering_pid` is the pid of the daemon that answers there, None if none does.
    """
    try:
        held = look(data_dir)
    except OSError:
        return None  # the check of the lock reports it
    owner = held.owner if held is not None else None
    if owner is None or owner.socket != socket or owner.pid == answering_pid:
        return None
    found = (
        "which nobody answers at" if answering_pid is None else f"where pid {answering_pid} answers instead"
    )
    return (
        f"The daemon that holds {data_dir} (pid {owner.pid}) can't be reached at its socket {socket}, {found}. Its log "
        "says why; it listens there again within seconds if it can. If not, stop it (or restart the unit of its socket), "
        "then start it: workspacectl start"
    )


def look(data_dir: str | os.PathLike[str]) -> Held | None:
    """Return the holder of the lock, or None if it is free.

    Raise OSError if the file can't be opened, with EINVAL if it is not a regular file.
    """
    path = os.path.join(data_dir, LOCK)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Held(parse_owner(os.pread(descriptor, MAX_OWNER_BYTES, 0)))
        return None
    finally:
        os.close(descriptor)  # also unlocks it


def has_open(pid: int, path: str) -> bool | None:
    """Return whether this process has the file open, or None where the system does not tell: no /proc, another user's.

    A pid of another container is another process here, or none.
    """
    try:
        file = os.stat(path)
        names = os.listdir(f"/proc/{pid}/fd")
    except FileNotFoundError:
        return False if os.path.exists("/proc/self/fd") else None
    except OSError:
        return None
    for name in names:
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{name}"), file):
                return True
        except OSError:
            continue  # closed in the meantime
    return False
