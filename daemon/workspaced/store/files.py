"""An open directory and its files: read, replace and sync. No other code opens the store's two files.

The strategy:
- Open every file relative to the descriptor of its directory, so that a moved directory does no harm.
- Write a file whole under a temporary name, read it back, sync it and rename it.
- Keep a written file open until after its replacement. Otherwise the rename would free its blocks, which
  takes as long as a sync. `release_replaced` frees them later, when no client waits.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple

from workspaced.store.contract import CommitUnknown, StorageFailure, StoreUnusable
from workspaced.store.disk import Disk, NotOwnDirectory, close_quietly
from workspaced_protocol.datadir import MAX_FILE_BYTES, is_temp, temp_name

_READ_BYTES: Final = 1024 * 1024
# A network share may answer so if the target is open.
_REFUSE_OPEN_FILES: Final = (errno.EACCES, errno.EBUSY, errno.ETXTBSY)
_MOVE_IT_AWAY: Final = "move it away, then start again"
_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CREATE_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FILE: Final = (errno.EISDIR, errno.ENXIO)  # a directory; a socket, or a device that is not there


class Identity(NamedTuple):
    """Attributes that change when a file's content changes, so that it need not be read."""

    device: int
    inode: int
    size: int
    modified_at_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """Return the identity in a stat(2) result. It lacks the change time, because a rename changes that."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Content(NamedTuple):
    """A file's bytes and its identity at that time."""

    data: bytes
    identity: Identity


class Directory:
    """An open directory. Call `close` after use."""

    def __init__(self, disk: Disk, path: Path, fd: int) -> None:
        self.disk = disk
        self.path = path
        self.fd = fd
        self.last_written: frozenset[Identity] = frozenset()
        """The files of the last `replace`. After CommitUnknown, they may or may not be in place."""
        self._current_fds: list[int] = []  # of the files that the last `replace` put in place
        self._replaced_fds: list[int] = []  # of the files before them

    @classmethod
    def open(cls, disk: Disk, path: Path, *, create: bool) -> "Directory":
        """Open `path`; with `create`, make missing directories durably with mode 0700. Raises OSError."""
        try:
            return cls(disk, path, disk.open(str(path), _OPEN_DIRECTORY))
        except FileNotFoundError:
            if not create or path == path.parent:
                raise
        parent = cls.open(disk, path.parent, create=True)
        try:
            return parent.open_below(path.name)
        finally:
            parent.close()

    def open_below(self, name: str) -> "Directory":
        """Open the subdirectory `name`; if it is missing, make it durably with mode 0700."""
        with suppress(FileExistsError):
            self.disk.make_directory(name, 0o700, self.fd)
        try:
            # Without this sync, a power loss could remove the directory and all synced files in it. An
            # existing directory needs it too: the process that made it may have been killed before its sync.
            self.disk.sync_directory(self.fd, self.path)
        except OSError:
            # A later sync does not repair a failed one, so the next attempt must make the directory again.
            with suppress(OSError):  # a directory in use is not empty, and stays
                self.disk.remove_directory(name, self.fd)
            raise
        try:
            fd = self.disk.open(name, _OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.fd)
        except OSError as error:
            # Linux gives ENOTDIR for a link with O_DIRECTORY, macOS ELOOP.
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.EACCES):
                raise NotOwnDirectory(error.errno, self.path / name) from error
            raise
        return Directory(self.disk, self.path / name, fd)

    def close(self) -> None:
        """Close all descriptors."""
        self._close_all([self.fd, *self._current_fds, *self._replaced_fds])
        self._current_fds, self._replaced_fds = [], []

    def release_replaced(self) -> None:
        """Close the replaced files, so that the system frees their blocks."""
        self._close_all(self._replaced_fds)
        self._replaced_fds = []

    def is_at_its_path(self) -> bool:
        """Return whether the path still leads to this directory."""
        try:
            found = self.disk.stat(str(self.path))
        except OSError:
            return False
        own = self.disk.stat_open(self.fd)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def identify(self, name: str) -> Identity | None:
        """Return the identity of the file `name`, or None if it is missing."""
        try:
            return Identity.of(self.disk.stat_in(name, self.fd))
        except FileNotFoundError:
            return None

    def read(self, name: str) -> Content | None:
        """Return the content of the file `name`, or None if it is missing.

        Raises StoreUnusable if it can't be read or is not a regular file: unreadable is not corrupted.
        """
        path = self.path / name
        try:
            fd = self.open_regular(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error
        try:
            status = self.disk.stat_open(fd)
            if status.st_size > MAX_FILE_BYTES:
                reason = f"{path} has {status.st_size:,} bytes, above the limit of {MAX_FILE_BYTES:,}"
                raise StoreUnusable(reason, _MOVE_IT_AWAY, errno.EFBIG)
            data = b"".join(self._chunks(fd, MAX_FILE_BYTES))
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            close_quietly(self.disk, fd)
        return Content(data, Identity.of(status))

    def open_regular(self, name: str, flags: int = _OPEN_FILE) -> int:
        """Open the regular file `name`. Raises StoreUnusable for what is none, else OSError."""
        path = self.path / name
        try:
            fd = self.disk.open(name, flags, 0o600, self.fd)
        except OSError as error:
            if error.errno == errno.ELOOP:
                advice = "replace the link with the file itself, or move it away"
                raise StoreUnusable(f"{path} is a symbolic link", advice, errno.ELOOP) from error
            if error.errno in _NO_FILE:
                raise StoreUnusable(f"{path} is not a regular file", _MOVE_IT_AWAY, error.errno) from error
            raise
        try:
            status = self.disk.stat_open(fd)
            if not stat.S_ISREG(status.st_mode):
                number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
                raise StoreUnusable(f"{path} is not a regular file", _MOVE_IT_AWAY, number)
        except BaseException:
            close_quietly(self.disk, fd)
            raise
        return fd

    def replace(self, names: Sequence[str], data: bytes) -> frozenset[Identity]:
        """Write `data` durably to each name, in order, and return the identities of the new files.

        Raises StorageFailure before the first rename, CommitUnknown from then on. Temporary files are
        removed in either case, if the disk allows it.
        """
        self.release_replaced()
        temps: list[str] = []
        descriptors: list[int] = []
        action = f"write {self.path / names[0]}"
        try:
            try:
                self._write_temps(names, temps, descriptors, data)
                written = [Identity.of(self.disk.stat_open(fd)) for fd in descriptors]
                self.last_written = frozenset(written)
            except OSError as error:
                raise StorageFailure.from_os_error(error, action) from error
            try:
                for temp, name in zip(list(temps), names, strict=True):
                    self._rename(temp, name)
                    temps.remove(temp)
                self.disk.sync_directory(self.fd, self.path)
                for name, identity in zip(names, written, strict=True):
                    if self.identify(name) != identity:
                        raise OSError(errno.EIO, f"{name} does not lead to the file just renamed to it")
            except OSError as error:
                raise CommitUnknown.from_os_error(error, action) from error
            self._replaced_fds, self._current_fds, descriptors = self._current_fds, descriptors, []
        finally:
            self._close_all(descriptors)
            for temp in temps:
                with suppress(OSError):  # report the first failure, not this one
                    self.disk.unlink(temp, self.fd)
        return self.last_written

    def write_copy(self, name: str, data: bytes) -> None:
        """Put a copy durably in place, as `replace` does. No write rests on it, so every failure is a StorageFailure."""
        try:
            self.replace([name], data)
        except CommitUnknown as failure:
            raise StorageFailure(failure.message, failure.errno) from failure

    def settle(self, names: Sequence[str]) -> None:
        """Sync the files of these names and the directory. Raises OSError.

        The process that wrote them may have been killed before its sync, or may not sync at all.
        """
        for name in names:
            with suppress(FileNotFoundError):
                fd = self.disk.open(name, _OPEN_FILE, dir_fd=self.fd)
                try:
                    self.disk.sync(fd)
                finally:
                    close_quietly(self.disk, fd)
        self.disk.sync_directory(self.fd, self.path)

    def settle_path(self) -> None:
        """Sync the entries of the directory and its parents, for the same reason. Raises OSError.

        Stop at a directory that this process can't read, and at a mount point: the entries above were made
        earlier, by others.
        """
        device = self.disk.stat_open(self.fd).st_dev
        with suppress(PermissionError):
            for path in self.path.parents:
                with closing(Directory.open(self.disk, path, create=False)) as parent:
                    if self.disk.stat_open(parent.fd).st_dev != device:
                        return
                    self.disk.sync_directory(parent.fd, path)

    def remove_temps(self) -> list[str]:
        """Remove the temporary files of killed processes and return their names. Raises OSError."""
        left = [name for name in self.disk.list_names(self.fd) if is_temp(name)]
        for name in left:
            try:
                self.disk.unlink(name, self.fd)
            except OSError as error:
                error.filename = str(self.path / name)
                raise
        return left

    def _write_temps(
        self, names: Sequence[str], temps: list[str], descriptors: list[int], data: bytes
    ) -> None:
        """Write, verify and sync a temporary file for each name; add each new file to both lists.

        Write all files before the first sync, so that the disk can write them together.
        """
        if len(data) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"the store would have more than {MAX_FILE_BYTES:,} bytes")
        for _ in names:
            temp = temp_name(secrets.token_hex(8))
            descriptors.append(self.disk.open(temp, CREATE_FILE, 0o600, self.fd))
            temps.append(temp)
            self._write_all(descriptors[-1], data)
            self._verify(descriptors[-1], data)
            self.disk.start_writeback(descriptors[-1])
        for fd in descriptors:
            self.disk.sync(fd)

    def _rename(self, temp: str, name: str) -> None:
        try:
            self.disk.rename(temp, name, self.fd)
        except OSError as error:
            if error.errno not in _REFUSE_OPEN_FILES or not self._current_fds:
                raise
            self._close_all(self._current_fds)
            self._current_fds = []
            self.disk.rename(temp, name, self.fd)

    def _close_all(self, descriptors: Sequence[int]) -> None:
        for fd in descriptors:
            close_quietly(self.disk, fd)

    def _write_all(self, fd: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            taken = self.disk.write(fd, rest)
            if taken == 0:
                raise OSError(errno.EIO, "the disk accepts no more bytes and gives no reason")
            rest = rest[taken:]

    def _verify(self, fd: int, data: bytes) -> None:
        offset = 0
        for chunk in self._chunks(fd, len(data) + 1):
            if data[offset : offset + len(chunk)] != chunk:
                break
            offset += len(chunk)
        else:
            if offset == len(data):
                return
        raise OSError(errno.EIO, "the data read back differs from the data written")

    def _chunks(self, fd: int, limit: int) -> Iterator[bytes]:
        """Yield the file's bytes from its start, at most `limit` of them."""
        offset = 0
        while offset < limit and (chunk := self.disk.read_at(fd, min(_READ_BYTES, limit - offset), offset)):
            yield chunk
            offset += len(chunk)


def _unreadable(path: Path, error: OSError) -> StoreUnusable:
    reason = error.strerror or str(error)
    advice = "nothing was changed; fix that, then start again"
    if error.errno == errno.EACCES:
        advice = "check its owner and its mode, then start again"
    return StoreUnusable(f"{path} can't be read ({reason})", advice, error.errno or 0)
