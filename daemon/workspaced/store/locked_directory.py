"""The data directory of a store, open and locked for as long as the store is.

The strategy: the path may lead elsewhere at any time: the directory was moved, removed or mounted over. So each commit
looks whether it is still there, and opens and locks what is there instead.
"""

import errno
from pathlib import Path

from workspaced.process.log import Logger
from workspaced.store.contract import StorageFailure, StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.files import Directory
from workspaced.store.lock import DirectoryLock, LockHeld
from workspaced.store.place import blocked, unusable, warnings_about

_log = Logger()


class LockedDirectory:
    """A data directory under its lock; `open` is the directory that is open now. Call `close` after use."""

    def __init__(self, disk: Disk, path: Path, socket: str) -> None:
        """Open and lock `path`; make it if it is missing. Raises LockHeld or StoreUnusable."""
        self._disk = disk
        self._path = path
        self._socket = socket
        try:
            self.open = Directory.open(disk, path, create=True)
        except OSError as error:
            raise unusable(path, error) from error
        try:
            self._lock = DirectoryLock(self.open, socket)
        except OSError as error:
            self.open.close()
            raise unusable(path, error) from error
        except (LockHeld, StoreUnusable):
            self.open.close()
            raise

    @property
    def is_in_place(self) -> bool:
        """Whether the path leads to this directory, and its lock is ours."""
        return self.open.is_at_its_path() and self._lock.is_in(self.open)

    def ensure_in_place(self, *, reopens: bool = False) -> bool:
        """Open and lock the directory at the path if it is another one, or in any case with `reopens`; return whether it is another.

        Raises StorageFailure.
        """
        try:
            if self.is_in_place and not reopens:
                return False
            is_another = not self.open.is_at_its_path()
            self._open_again()
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"open {self._path}") from error
        except StoreUnusable as error:
            raise blocked(error) from error
        except LockHeld as error:
            raise StorageFailure(error.message, errno.EWOULDBLOCK) from error
        return is_another

    def close(self) -> None:
        """Release the lock and close the directory."""
        self._lock.release()
        self.open.close()

    def _open_again(self) -> None:
        directory = Directory.open(self._disk, self._path, create=True)
        try:
            directory.settle_path()
            if not self._lock.is_in(directory):
                lock = DirectoryLock(directory, self._socket)
                self._lock.release()
                self._lock = lock
                for warning in warnings_about(self._path):  # it may be another directory
                    _log.warning(warning)
        except BaseException:
            directory.close()
            raise
        self.open.close()
        self.open = directory
