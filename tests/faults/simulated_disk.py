"""A disk in memory that keeps what is durable apart from what is only written, and fails on demand.

It stands in place of `Disk`, and is as bad as a disk may be. What it takes for granted:

- A file's data is durable once `sync` of the file succeeded, a directory's entries once `sync` of
  the directory did (POSIX.1-2017, fsync; fsync(2) of Linux: a file's own sync does not necessarily
  save its entry). Each create, mkdir, rename and unlink is one change of entries, applied whole or
  not at all (POSIX.1-2017, rename: a reader finds the old file or the new one).
- After a power loss any subset of the changes that were not durable may be there, in any
  combination: file systems in use do reorder them (Pillai et al., “All File Systems Are Not Created
  Equal”, OSDI 2014).
- Data that was not durable is there wholly, as it was before, in its first half, or as zeros or old
  blocks of the right size (ext4's documentation: delayed allocation, and data=writeback). Within one
  sector, which a drive writes whole: wholly, as before, or zeros. Each file is on its own in that.
- A sync that fails loses what it should have saved for good, while readers go on seeing it: it may
  or may not be there after a power loss, whatever later syncs report (Rebello et al., “Can
  Applications Recover from fsync Failures?”, USENIX ATC 2020). To sync such a descriptor again
  relies on that report, and so is refused as a mistake. Only a disk that refuses everything from
  then on (a lasting EIO or EROFS) has lost nothing once it works again, since until then nobody can
  do anything about it.
- A killed process loses its descriptors and locks; the disk keeps what is only written.
- An inode number that is free is given out again at once, as ext4 does.

What it leaves out: symbolic links, permissions, renames between directories, more than one process.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from dataclasses import dataclass, field

from faults.simulated_faults import LEGAL_ERRORS, Fault, Killed, PowerLoss
from faults.simulated_files import FileSystem, disk_error
from faults.simulated_nodes import AsFound, File, Folder, Node, Tree
from workspaced.store.disk import Disk


@dataclass(eq=False)
class _Open:
    """An open file description."""

    node: Node
    found_as: str | None = None
    """The name of what was there already."""
    position: int = 0
    holds_lock: bool = False
    sync_failed: bool = False


@dataclass(eq=False, repr=False)
class SimulatedDisk(Disk):
    """See the module. Paths are absolute, or relative to a directory's descriptor."""

    tree: Tree = ()
    """What is there, durably, at first."""
    trace: list[str] = field(default_factory=list[str])
    """The operations since `arm`, by the names of LEGAL_ERRORS."""

    def __post_init__(self) -> None:
        self.names_read: set[str] = set()
        """The names of those files that were read and were there before they were opened."""
        self._fault: Fault | None = None
        self._stopped: type[BaseException] | None = None
        self._open: dict[int, _Open] = {}
        self._next_fd = itertools.count(3)
        self._files = FileSystem(self.tree)
        self.settle()

    # What the laboratory does with the disk.

    def arm(self, fault: Fault | None) -> None:
        """Count operations again, towards this fault; None mends the disk."""
        self.trace = []
        self._fault = fault

    @property
    def open_descriptors(self) -> int:
        """How many descriptors the process has."""
        return len(self._open)

    def node(self, fd: int) -> Node:
        """What the descriptor is of."""
        return self._description(fd).node

    @property
    def has_lost(self) -> bool:
        """Whether readers see what a failed sync lost."""
        return any(node.has_lost for node in self._files.root.walk())

    def settle(self) -> None:
        """Time passes: all that can become durable does."""
        for node in self._files.root.walk():
            node.settle()

    def end_process(self) -> None:
        """The process is gone, the disk works, and another process can start."""
        for fd in list(self._open):
            self._release(fd)
        self._stopped = None
        self.arm(None)

    def visible(self) -> Tree:
        """What any process sees now."""
        return self._files.root.visible()

    def survivors(self, as_found: AsFound = lambda _, content: content) -> set[Tree]:
        """Every content that may be found if the power fails now, as far as it can be told apart."""
        return set(self._files.root.survivors(as_found))

    def put(self, path: str, content: bytes | Tree, *, durably: bool = True) -> None:
        """Another program puts a file, or a directory, in place of what was there."""
        folder, name = self._files.resolve(path)
        self._files.put(folder, name, content)
        if durably:
            self.settle()

    def remove(self, path: str) -> None:
        """Another program removed this file, or directory and all, and synced that."""
        folder, name = self._resolve(path)
        self._files.change(folder, {name: None}, path)
        self.settle()

    # The operations.

    def open(self, path: str, flags: int, mode: int = 0o600, dir_fd: int | None = None) -> int:
        self._begin("create" if flags & os.O_CREAT else "open")
        folder, name = self._resolve(path, dir_fd)
        found = node = folder.entries.get(name) if name else folder
        if node is None:
            if not flags & os.O_CREAT:
                raise disk_error(errno.ENOENT, path)
            node = self._files.new_file(b"")
            self._files.change(folder, {name: node}, path)
        elif flags & os.O_CREAT and flags & os.O_EXCL:
            raise disk_error(errno.EEXIST, path)
        elif isinstance(node, Folder) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise disk_error(errno.EISDIR, path)
        if flags & os.O_DIRECTORY and not isinstance(node, Folder):
            raise disk_error(errno.ENOTDIR, path)
        node.descriptors += 1
        fd = next(self._next_fd)
        self._open[fd] = _Open(node, name if found else None)
        return fd

    def close(self, fd: int) -> None:
        self._description(fd)
        try:
            self._begin("close")
        finally:  # Linux releases the descriptor also where it reports an error
            if self._stopped is None:
                self._release(fd)

    def write(self, fd: int, data: memoryview) -> int:
        description = self._description(fd)
        taken = self.write_at(fd, data, description.position)
        description.position += taken
        return taken

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        self._begin("write")
        file = _file_of(self._description(fd))
        chunk = bytes(data)
        fault = self._fault
        if fault and (len(self.trace) == fault.at or (fault.lasts and len(self.trace) > fault.at)):
            if fault.kind == "short write":
                chunk = chunk[: len(chunk) // 2 or 1]
            elif fault.kind == "lying write" and chunk:
                middle = len(chunk) // 2
                chunk = chunk[:middle] + bytes([chunk[middle] ^ 1]) + chunk[middle + 1 :]
        file.write(chunk, offset, self._files.now_ns())
        return len(chunk)

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        self._begin("read")
        description = self._description(fd)
        if description.found_as is not None:
            self.names_read.add(description.found_as)
        return _file_of(description).data[offset : offset + count]

    def sync(self, fd: int) -> None:
        description = self._description(fd)
        if description.sync_failed and self._stopped is None:
            raise AssertionError("a descriptor whose sync had failed was synced again")
        try:
            self._begin("sync")
        except OSError:
            description.sync_failed = True
            if not self._refuses_all():
                description.node.lose_unsynced()
            raise
        description.node.settle()

    def start_writeback(self, fd: int) -> None:
        """Only advice: what is not synced may be durable or not, with it or without."""
        self._description(fd)

    def truncate(self, fd: int, length: int) -> None:
        self._begin("truncate")
        _file_of(self._description(fd)).truncate(length, self._files.now_ns())

    def rename(self, source: str, target: str, dir_fd: int) -> None:
        self._begin("rename")
        folder = self._folder(dir_fd)
        node, replaced = folder.entries.get(source), folder.entries.get(target)
        if node is None:
            raise disk_error(errno.ENOENT, source)
        if node is replaced:
            return
        if replaced is not None and isinstance(node, Folder) != isinstance(replaced, Folder):
            raise disk_error(errno.ENOTDIR if isinstance(node, Folder) else errno.EISDIR, target)
        if isinstance(replaced, Folder) and replaced.entries:
            raise disk_error(errno.ENOTEMPTY, target)
        self._files.change(folder, {source: None, target: node}, target)

    def unlink(self, name: str, dir_fd: int) -> None:
        self._begin("unlink")
        folder = self._folder(dir_fd)
        if name not in folder.entries:
            raise disk_error(errno.ENOENT, name)
        if isinstance(folder.entries[name], Folder):
            raise disk_error(errno.EISDIR, name)
        self._files.change(folder, {name: None}, name)

    def remove_directory(self, name: str, dir_fd: int) -> None:
        self._begin("rmdir")
        parent = self._folder(dir_fd)
        folder = parent.entries.get(name)
        if folder is None:
            raise disk_error(errno.ENOENT, name)
        if not isinstance(folder, Folder):
            raise disk_error(errno.ENOTDIR, name)
        if folder.entries:
            raise disk_error(errno.ENOTEMPTY, name)
        self._files.change(parent, {name: None}, name)

    def make_directory(self, path: str, mode: int, dir_fd: int | None = None) -> None:
        self._begin("mkdir")
        folder, name = self._resolve(path, dir_fd)
        if not name or name in folder.entries:
            raise disk_error(errno.EEXIST, path)
        self._files.change(folder, {name: self._files.new_folder()}, path)

    def stat(self, path: str) -> os.stat_result:
        self._begin("stat")
        folder, name = self._resolve(path)
        return _status(folder.entries.get(name) if name else folder, path)

    def stat_in(self, name: str, dir_fd: int) -> os.stat_result:
        self._begin("stat")
        return _status(self._folder(dir_fd).entries.get(name), name)

    def stat_open(self, fd: int) -> os.stat_result:
        self._begin("stat")
        return _status(self._description(fd).node, "")

    def list_names(self, fd: int) -> list[str]:
        self._begin("list")
        return list(self._folder(fd).entries)

    def try_lock(self, fd: int) -> bool:
        self._begin("lock")
        description = self._description(fd)
        others = (other for other in self._open.values() if other is not description)
        if any(other.node is description.node and other.holds_lock for other in others):
            return False
        description.holds_lock = True
        return True

    # How they are made.

    def _begin(self, operation: str) -> None:
        if self._stopped is not None:
            raise self._stopped
        self.trace.append(operation)
        fault = self._fault
        if fault is None or len(self.trace) < fault.at:
            return
        if fault.kind in ("power loss", "kill"):
            self._stopped = PowerLoss if fault.kind == "power loss" else Killed
            raise self._stopped
        is_now = fault.lasts or len(self.trace) == fault.at
        if fault.kind == "error" and is_now and fault.number in LEGAL_ERRORS[operation]:
            raise disk_error(fault.number, operation)

    def _refuses_all(self) -> bool:
        """Whether the disk takes nothing any more, so that nothing can be done about a loss either."""
        fault = self._fault
        return fault is not None and fault.lasts and fault.number in (errno.EIO, errno.EROFS)

    def _description(self, fd: int) -> _Open:
        if fd not in self._open:
            raise AssertionError(f"descriptor {fd} is not open")
        return self._open[fd]

    def _folder(self, fd: int) -> Folder:
        node = self._description(fd).node
        if not isinstance(node, Folder):
            raise disk_error(errno.ENOTDIR, "")
        return node

    def _resolve(self, path: str, dir_fd: int | None = None) -> tuple[Folder, str]:
        return self._files.resolve(path, None if dir_fd is None else self._folder(dir_fd))

    def _release(self, fd: int) -> None:
        node = self._open.pop(fd).node
        node.descriptors -= 1
        self._files.forget([node])


def _file_of(description: _Open) -> File:
    if not isinstance(description.node, File):
        raise disk_error(errno.EISDIR, "")
    return description.node


def _status(node: Node | None, path: str) -> os.stat_result:
    if node is None:
        raise disk_error(errno.ENOENT, path)
    is_file = isinstance(node, File)
    mode = stat.S_IFREG | 0o600 if is_file else stat.S_IFDIR | 0o700
    size = len(node.data) if isinstance(node, File) else 0
    seconds = node.modified_at_ns // 1_000_000_000
    fields = (mode, node.number, 1, 1, 0, 0, size, seconds, seconds, seconds)
    return os.stat_result(fields, {"st_mtime_ns": node.modified_at_ns})
