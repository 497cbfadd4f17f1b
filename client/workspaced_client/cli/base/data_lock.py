"""The lock on a data directory, as a client may look at it: who holds it.

It is opened for reading, never made, and tried as one of many readers. Where a daemon holds it, that
fails at once and changes nothing; one that starts in the moment in which it is held here tries again.
"""

import errno
import fcntl
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from workspaced_protocol.datadir import LOCK, MAX_OWNER_BYTES, LockOwner, parse_owner


@dataclass(frozen=True)
class Held:
    """That somebody holds it; `owner` is None where that one has not written its name yet."""

    owner: LockOwner | None

    @property
    def who(self) -> str:
        """The holder, in words."""
        return f"pid {self.owner.pid}" if self.owner else "a process that has not written its pid"


def look(data_dir: Path) -> Held | None:
    """Who holds the lock; None where nobody does. Raises OSError, with EINVAL where the file is not a regular one."""
    path = data_dir / LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Held(parse_owner(os.pread(descriptor, MAX_OWNER_BYTES, 0)))
        return None
    finally:
        os.close(descriptor)  # which also unlocks it
