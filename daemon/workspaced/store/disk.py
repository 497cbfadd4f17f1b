"""The system calls of the store, one method each.

Tests replace this class with a disk that fails, lies or loses power.
"""

import errno
import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_NO_DIRECTORY_SYNC: Final = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)  # fsync(2): not for this kind of file


class CannotSyncDirectory(OSError):
    """The file system does not sync directories, so a new file may be gone after a power loss."""

    def __init__(self, number: int, path: Path) -> None:
        super().__init__(
            number,
            f"the file system of {path} does not sync directories, so nothing written there is sure to last; "
            "choose a directory on another file system",
        )


class NotOwnDirectory(OSError):
    """A directory of the store can't be opened, or a symbolic link or a file stands in its place."""

    def __init__(self, number: int, path: Path) -> None:
        if number == errno.EACCES:
            told = f"{path} may not be read or entered; check its owner and its mode"
        elif path.is_symlink():
            told = f"{path} is a symbolic link, and links are not followed there; put a directory in its place, or mount one"
        else:
            told = f"{path} is not a directory; move it away"
        super().__init__(number, told)


class Disk:
    """The system calls of the store. Each method behaves as its manual page (section 2) says."""

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        """open(2)."""
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def close(self, fd: int) -> None:
        """close(2)."""
        os.close(fd)

    def write(self, fd: int, data: memoryview) -> int:
        """write(2): return the number of bytes written."""
        return os.write(fd, data)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        """pwrite(2): return the number of bytes written."""
        return os.pwrite(fd, data, offset)

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        """pread(2)."""
        return os.pread(fd, count, offset)

    def sync(self, fd: int) -> None:
        """fsync(2); on macOS F_FULLFSYNC, because fsync(2) there leaves data in the drive's cache."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)

    def sync_directory(self, fd: int, path: Path) -> None:
        """Sync an open directory; `path` is for the error. Raises CannotSyncDirectory if its file system can't."""
        try:
            self.sync(fd)
        except OSError as error:
            if error.errno in _NO_DIRECTORY_SYNC:
                raise CannotSyncDirectory(error.errno, path) from error
            raise

    def start_writeback(self, fd: int) -> None:
        """Advise the system to start writing dirty pages now, so that a sync soon after is shorter.

        posix_fadvise(2), POSIX_FADV_DONTNEED: Linux starts to write the dirty pages and does not wait for
        them (mm/fadvise.c). macOS has no such call.
        """
        if sys.platform != "darwin":
            with suppress(OSError):  # the sync reports a disk error
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def truncate(self, fd: int, length: int) -> None:
        """ftruncate(2)."""
        os.ftruncate(fd, length)

    def rename(self, source: str, target: str, dir_fd: int) -> None:
        """renameat(2) within one directory."""
        os.rename(source, target, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)

    def unlink(self, name: str, dir_fd: int) -> None:
        """unlinkat(2)."""
        os.unlink(name, dir_fd=dir_fd)

    def make_directory(self, path: str, mode: int, dir_fd: int | None = None) -> None:
        """mkdirat(2)."""
        os.mkdir(path, mode, dir_fd=dir_fd)

    def remove_directory(self, name: str, dir_fd: int) -> None:
        """unlinkat(2) with AT_REMOVEDIR: only removes an empty directory."""
        os.rmdir(name, dir_fd=dir_fd)

    def stat(self, path: str) -> os.stat_result:
        """stat(2): follow symbolic links."""
        return os.stat(path)

    def stat_in(self, name: str, dir_fd: int) -> os.stat_result:
        """fstatat(2) with AT_SYMLINK_NOFOLLOW."""
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)

    def stat_open(self, fd: int) -> os.stat_result:
        """fstat(2)."""
        return os.fstat(fd)

    def list_names(self, fd: int) -> list[str]:
        """Return the names in a directory (readdir(3))."""
        return os.listdir(fd)

    def try_lock(self, fd: int) -> bool:
        """flock(2) with LOCK_EX | LOCK_NB: return False if another process holds the lock."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def close_quietly(disk: Disk, fd: int) -> None:
    """Close a descriptor and ignore errors.

    The descriptor is closed even after an error (close(2) of Linux, “Dealing with error returns from
    close()”), and the data was synced before.
    """
    with suppress(OSError):
        disk.close(fd)
