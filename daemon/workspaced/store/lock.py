"""The lock on a data directory: flock(2) on `workspaced.lock`, held for the daemon's life.

The kernel releases the lock when the process ends, even if it is killed, so a held lock always has a
living owner. The file names the owner: a JSON object with `pid` and `socket`.
"""

import os
import time
from typing import Final

from workspaced.store.contract import StoreUnusable
from workspaced.store.disk import close_quietly
from workspaced.store.files import Directory
from workspaced_protocol.datadir import LOCK, LOCK_HELD, MAX_OWNER_BYTES, LockOwner, owner_text, parse_owner

_OPEN_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC  # waits for no reader of a pipe
_TRIES: Final = 11  # 50 ms: a client that checks for an owner holds the lock for a moment
_PAUSE_SECONDS: Final = 0.005


class LockHeld(Exception):
    """Another process owns the data directory; `owner` is None if the owner's record can't be read yet."""

    def __init__(self, directory: str, owner: LockOwner | None) -> None:
        who = f"the daemon with pid {owner.pid}" if owner else "another daemon"
        super().__init__(f"{who} owns {directory}: {LOCK_HELD}")
        self.owner = owner
        self.message = str(self)[:1].upper() + str(self)[1:]


class DirectoryLock:
    """A held lock. Call `release` after use."""

    def __init__(self, directory: Directory, socket: str) -> None:
        """Take the lock and write this process's owner record. Blocks for at most 50 ms. Raises LockHeld, StoreUnusable or OSError."""
        self._disk = directory.disk
        try:
            self._fd = directory.open_regular(LOCK, _OPEN_LOCK)
        except PermissionError as error:
            if directory.identify(LOCK) is None:
                raise  # it may not be made
            reason = f"{directory.path / LOCK} can't be opened ({error.strerror})"
            raise StoreUnusable(
                reason, "check its owner and its mode, then start again", error.errno or 0
            ) from error
        try:
            if not self._try_lock():
                raise LockHeld(str(directory.path), self._read_owner())
            text = owner_text(LockOwner(os.getpid(), socket)) + b"\n"
            self._disk.write(self._fd, memoryview(text))
            # Write first, then truncate: freeing the block and allocating it again takes a tenth of a start with
            # 50 workspaces.
            if self._disk.stat_open(self._fd).st_size > len(text):
                self._disk.truncate(self._fd, len(text))
        except BaseException:
            close_quietly(self._disk, self._fd)
            raise

    def is_in(self, directory: Directory) -> bool:
        """Return whether the lock file in `directory` is the one that this lock holds."""
        found = directory.identify(LOCK)
        own = self._disk.stat_open(self._fd)
        return found is not None and (found.device, found.inode) == (own.st_dev, own.st_ino)

    def release(self) -> None:
        """Release the lock. The file stays: removing it could remove the lock file of a new owner."""
        close_quietly(self._disk, self._fd)

    def _try_lock(self) -> bool:
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_SECONDS)
            if self._disk.try_lock(self._fd):
                return True
        return False

    def _read_owner(self) -> LockOwner | None:
        return parse_owner(self._disk.read_at(self._fd, MAX_OWNER_BYTES, 0))
