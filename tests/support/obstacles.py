"""What stands in a store's way: a disk that refuses, and what is no file in a file's place."""

import contextlib
import errno
import os
import socket
from pathlib import Path

from workspaced.store.disk import Disk


class RefusingDisk(Disk):
    """A disk on which opening a file with one of these flags fails, once `error` is set."""

    def __init__(self, flags: int = 0, error: int | None = None) -> None:
        self.flags = flags
        self.error = error

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        if self.error is not None and flags & self.flags:
            raise OSError(self.error, os.strerror(self.error), path)
        return super().open(path, flags, mode, dir_fd)


class FullDisk(Disk):
    """A disk that takes `room_bytes` more, in short writes at the end, and then no more; None is no limit."""

    room_bytes: int | None = None

    def write(self, fd: int, data: memoryview) -> int:
        return self._take(super().write(fd, self._that_fits(data)))

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        return self._take(super().write_at(fd, self._that_fits(data), offset))

    def _that_fits(self, data: memoryview) -> memoryview:
        if self.room_bytes == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return data[: self.room_bytes]

    def _take(self, taken: int) -> int:
        if self.room_bytes is not None:
            self.room_bytes -= taken
        return taken


class HalfwayDisk(Disk):
    """A disk that fails to rename anything to the name in `refused`."""

    refused: str | None = None

    def rename(self, source: str, target: str, dir_fd: int) -> None:
        if target == self.refused:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().rename(source, target, dir_fd)


class UnreadableDisk(Disk):
    """A disk that fails each read of what it holds."""

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def directory(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def link(path: Path) -> None:
    """Put a link there that leads to a file beside it."""
    (path.parent / "elsewhere").write_text("precious")
    path.symlink_to("elsewhere")


def dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere."""
    path.symlink_to("nowhere")


def a_socket(path: Path) -> None:
    """Put a socket there on which nobody listens."""
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(path.parent):  # a socket's path is short
        made.bind(path.name)


class ForbiddingDisk(Disk):
    """A disk on which nobody may open a file or a directory of this name, whoever runs the test."""

    def __init__(self, name: str) -> None:
        self.name: str | None = name

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        if Path(path).name == self.name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return super().open(path, flags, mode, dir_fd)
