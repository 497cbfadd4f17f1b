"""The only code that opens data files: what a directory can do, on top of the calls of a disk.

The strategy: every file is reached relative to the descriptor of its directory, so that nothing
moves underneath; it is written whole under a temporary name, read back, synced, and renamed. What
was written stays open until it is replaced, so that the rename does not free its blocks, which takes
as long as a sync: `release_replaced` does that, once nobody waits for it.
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
from workspaced.store.disk import Disk, close_quietly
from workspaced_protocol.datadir import MAX_FILE_BYTES, is_temp, temp_name

_READ_BYTES: Final = 1024 * 1024
_REFUSE_OPEN_FILES: Final = (errno.EACCES, errno.EBUSY, errno.ETXTBSY)  # so other systems' shares may tell
_MOVE_IT_AWAY: Final = "move it away, then start again"
_OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Identity(NamedTuple):
    """What tells one content of a file from another without reading it."""

    device: int
    inode: int
    size: int
    modified_at_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Identity":
        """From a stat(2) result. Not the change time: a rename alone moves that."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class Content(NamedTuple):
    """A file's bytes, and what tells whether they are still the same."""

    data: bytes
    identity: Identity


class Directory:
    """An open directory. `close` it after use."""

    def __init__(self, disk: Disk, path: Path, fd: int) -> None:
        self.disk = disk
        self.path = path
        self.fd = fd
        self.last_written: frozenset[Identity] = frozenset()
        """The files that the last `replace` has put in place, or may have: it raised CommitUnknown then."""
        self._standing_fds: list[int] = []  # of what the last `replace` put there
        self._replaced_fds: list[int] = []  # of what stood there before

    @classmethod
    def open(cls, disk: Disk, path: Path, *, create: bool) -> "Directory":
        """Opens `path`; makes it durably, with mode 0700, where it is missing. Raises OSError."""
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
        """Opens the directory `name` in this one; makes it durably, with mode 0700, where missing."""
        with suppress(FileExistsError):
            self.disk.make_directory(name, 0o700, self.fd)
        try:
            # Else a power loss could take the directory, and with it all that is synced inside; also
            # where it is there already, since its maker may have been killed before this.
            self.disk.sync(self.fd)
        except OSError:
            # No later sync saves what a failed one lost, so the next try has to make it anew.
            with suppress(OSError):  # one that is in use is not empty, and stays
                self.disk.remove_directory(name, self.fd)
            raise
        fd = self.disk.open(name, _OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.fd)
        return Directory(self.disk, self.path / name, fd)

    def close(self) -> None:
        """Gives up the descriptors."""
        self._close_all([self.fd, *self._standing_fds, *self._replaced_fds])
        self._standing_fds, self._replaced_fds = [], []

    def release_replaced(self) -> None:
        """Gives the space of what `replace` has replaced back to the system."""
        self._close_all(self._replaced_fds)
        self._replaced_fds = []

    def is_at_its_path(self) -> bool:
        """Whether the path still leads to this directory, and not to none or another."""
        try:
            found = self.disk.stat(str(self.path))
        except OSError:
            return False
        own = self.disk.stat_open(self.fd)
        return (found.st_dev, found.st_ino) == (own.st_dev, own.st_ino)

    def identify(self, name: str) -> Identity | None:
        """The identity of the file under `name`, or None where there is none."""
        try:
            return Identity.of(self.disk.stat_in(name, self.fd))
        except FileNotFoundError:
            return None

    def read(self, name: str) -> Content | None:
        """The file's content, or None where there is no file.

        Raises StoreUnusable for what is there and can't be read as a file: that is no damage.
        """
        path = self.path / name
        try:
            fd = self.disk.open(name, _OPEN_FILE, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                advice = "put the file itself there, or move the link away"
                raise StoreUnusable(f"{path} is a symbolic link", advice, errno.ELOOP) from error
            raise _unreadable(path, error) from error
        try:
            status = self.disk.stat_open(fd)
            if not stat.S_ISREG(status.st_mode):
                number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
                raise StoreUnusable(f"{path} is not a regular file", _MOVE_IT_AWAY, number)
            if status.st_size > MAX_FILE_BYTES:
                reason = f"{path} has {status.st_size:,} bytes, more than the {MAX_FILE_BYTES:,} of any store"
                raise StoreUnusable(reason, _MOVE_IT_AWAY, errno.EFBIG)
            data = b"".join(self._chunks(fd, MAX_FILE_BYTES))
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            close_quietly(self.disk, fd)
        return Content(data, Identity.of(status))

    def replace(self, names: Sequence[str], data: bytes) -> frozenset[Identity]:
        """Puts `data` durably under each name, in order; gives the identities that the names now have.

        Raises StorageFailure where no name was touched, CommitUnknown from the first rename on; no
        temporary file is left behind either way, as far as the disk lets.
        """
        self.release_replaced()
        temps: list[str] = []
        descriptors: list[int] = []
        deed = f"write {self.path / names[0]}"
        try:
            try:
                self._write_temps(names, temps, descriptors, data)
                written = [Identity.of(self.disk.stat_open(fd)) for fd in descriptors]
                self.last_written = frozenset(written)
            except OSError as error:
                raise StorageFailure.from_os_error(error, deed) from error
            try:
                for temp, name in zip(list(temps), names, strict=True):
                    self._rename(temp, name)
                    temps.remove(temp)
                self.disk.sync(self.fd)
                for name, identity in zip(names, written, strict=True):
                    if self.identify(name) != identity:
                        raise OSError(errno.EIO, f"{name} is not the file that was renamed to it")
            except OSError as error:
                raise CommitUnknown.from_os_error(error, deed) from error
            self._replaced_fds, self._standing_fds, descriptors = self._standing_fds, descriptors, []
        finally:
            self._close_all(descriptors)
            for temp in temps:
                with suppress(OSError):  # the failure that left it is the one to report
                    self.disk.unlink(temp, self.fd)
        return self.last_written

    def settle(self, names: Sequence[str]) -> None:
        """Makes durable what stands under these names: whoever put it there may have been killed
        before the sync, or may have made none. Raises OSError."""
        for name in names:
            with suppress(FileNotFoundError):
                fd = self.disk.open(name, _OPEN_FILE, dir_fd=self.fd)
                try:
                    self.disk.sync(fd)
                finally:
                    close_quietly(self.disk, fd)
        self.disk.sync(self.fd)

    def settle_path(self) -> None:
        """Makes the directory's own entry durable, and those of its parents, for the same reason.

        Stops where this process can't read or another file system begins: what is in there was made
        by somebody else, before. Raises OSError.
        """
        device = self.disk.stat_open(self.fd).st_dev
        with suppress(PermissionError):
            for path in self.path.parents:
                with closing(Directory.open(self.disk, path, create=False)) as parent:
                    if self.disk.stat_open(parent.fd).st_dev != device:
                        return
                    self.disk.sync(parent.fd)

    def remove_temps(self) -> list[str]:
        """Removes the temporary files that a killed process left; gives their names. Raises OSError."""
        left = [name for name in self.disk.list_names(self.fd) if is_temp(name)]
        for name in left:
            self.disk.unlink(name, self.fd)
        return left

    def _write_temps(
        self, names: Sequence[str], temps: list[str], descriptors: list[int], data: bytes
    ) -> None:
        """Writes, verifies and syncs a temporary file for each name; adds each to both lists once it is there.

        All are written before the first is synced: the disk can then take them together.
        """
        if len(data) > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"the store would have more than {MAX_FILE_BYTES:,} bytes")
        for _ in names:
            temp = temp_name(secrets.token_hex(8))
            descriptors.append(self.disk.open(temp, _CREATE_FILE, 0o600, self.fd))
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
            if error.errno not in _REFUSE_OPEN_FILES or not self._standing_fds:
                raise
            self._close_all(self._standing_fds)
            self._standing_fds = []
            self.disk.rename(temp, name, self.fd)

    def _close_all(self, descriptors: Sequence[int]) -> None:
        for fd in descriptors:
            close_quietly(self.disk, fd)

    def _write_all(self, fd: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            taken = self.disk.write(fd, rest)
            if taken == 0:
                raise OSError(errno.EIO, "the disk takes no more bytes, and says no reason")
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
        raise OSError(errno.EIO, "what was written reads back differently")

    def _chunks(self, fd: int, limit: int) -> Iterator[bytes]:
        """The file's bytes from its start, at most `limit` of them."""
        offset = 0
        while offset < limit and (chunk := self.disk.read_at(fd, min(_READ_BYTES, limit - offset), offset)):
            yield chunk
            offset += len(chunk)


def _unreadable(path: Path, error: OSError) -> StoreUnusable:
    reason = error.strerror or str(error)
    advice = "nothing was touched; mend that, then start again"
    return StoreUnusable(f"{path} can't be read ({reason})", advice, error.errno or 0)
