"""The system calls that the store makes, one method each: the seam below all of its files.

A test puts a disk here which fails, lies or loses power.
"""

import fcntl
import os
import sys
from contextlib import suppress


class Disk:
    """The system calls that the store makes, each as its manual page (section 2) has it."""

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        """open(2)."""
        return os.open(path, flags, mode, dir_fd=dir_fd)

    def close(self, fd: int) -> None:
        """close(2)."""
        os.close(fd)

    def write(self, fd: int, data: memoryview) -> int:
        """write(2): gives how many bytes were taken."""
        return os.write(fd, data)

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        """pread(2)."""
        return os.pread(fd, count, offset)

    def sync(self, fd: int) -> None:
        """fsync(2); on macOS F_FULLFSYNC, since fsync(2) there leaves data in the drive's cache."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fsync(fd)

    def start_writeback(self, fd: int) -> None:
        """Has the disk begin on what was written, so that a sync soon after has less to wait for. Only advice.

        posix_fadvise(2), POSIX_FADV_DONTNEED: Linux starts to write dirty pages then, and waits for none
        of them (mm/fadvise.c). macOS has no such call.
        """
        if sys.platform != "darwin":
            with suppress(OSError):  # the sync tells what is wrong with the disk
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
        """unlinkat(2) with AT_REMOVEDIR: only where it is empty."""
        os.rmdir(name, dir_fd=dir_fd)

    def stat(self, path: str) -> os.stat_result:
        """stat(2): links are followed."""
        return os.stat(path)

    def stat_in(self, name: str, dir_fd: int) -> os.stat_result:
        """fstatat(2) of the name itself, should it be a link."""
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)

    def stat_open(self, fd: int) -> os.stat_result:
        """fstat(2)."""
        return os.fstat(fd)

    def list_names(self, fd: int) -> list[str]:
        """The names in a directory (readdir(3))."""
        return os.listdir(fd)

    def try_lock(self, fd: int) -> bool:
        """flock(2) for this process alone; False where another process has it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def close_quietly(disk: Disk, fd: int) -> None:
    """close(2), whose errors mean nothing here: the descriptor is gone all the same (close(2) of Linux,
    “Dealing with error returns”), and what has to last was synced before."""
    with suppress(OSError):
        disk.close(fd)
