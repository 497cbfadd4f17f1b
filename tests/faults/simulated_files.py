"""The tree of a simulated disk's files: paths, the numbers that nodes are given, and the time of each change."""

from __future__ import annotations

import errno
import itertools
import os

from faults.simulated_nodes import File, Folder, Node, Tree


class FileSystem:
    """A tree of nodes with this content. A number that is free is given out again at once, as ext4 does."""

    def __init__(self, tree: Tree) -> None:
        self._numbers = itertools.count(1)
        self._free_numbers: list[int] = []
        self._times_ns = itertools.count(1_700_000_000_000_000_000, 1_000_000)
        self.root = self.new_folder()
        self.root.links = 1
        self._build(self.root, tree)

    def now_ns(self) -> int:
        """Return the time, which is later at each call."""
        return next(self._times_ns)

    def new_file(self, data: bytes) -> File:
        """Return a file that has no name yet."""
        return File(self._number(), self.now_ns(), data=data)

    def new_folder(self) -> Folder:
        """Return an empty directory that has no name yet."""
        return Folder(self._number(), self.now_ns())

    def resolve(self, path: str, start: Folder | None = None) -> tuple[Folder, str]:
        """Return the directory that `path` names an entry of, and the entry's name (empty for the root)."""
        folder = start or self.root
        *parents, name = path.strip("/").split("/")
        for parent in parents:
            node = folder.entries.get(parent)
            if node is None:
                raise disk_error(errno.ENOENT, path)
            if not isinstance(node, Folder):
                raise disk_error(errno.ENOTDIR, path)
            folder = node
        return folder, name

    def change(self, folder: Folder, entries: dict[str, Node | None], path: str) -> None:
        """Change these entries at once."""
        if folder.links == 0:
            raise disk_error(errno.ENOENT, path)  # the directory itself was removed
        self.forget(folder.change(entries))

    def put(self, folder: Folder, name: str, content: bytes | Tree) -> None:
        """Put a file, or a directory with its content, in place of what was there."""
        if isinstance(content, bytes):
            self.change(folder, {name: self.new_file(content)}, name)
        else:
            below = self.new_folder()
            self.change(folder, {name: below}, name)
            self._build(below, content)

    def forget(self, nodes: list[Node]) -> None:
        """Free the numbers of those nodes that have neither a name nor a descriptor."""
        self._free_numbers += [node.number for node in nodes if node.links + node.descriptors == 0]

    def _build(self, folder: Folder, tree: Tree) -> None:
        for name, content in tree:
            self.put(folder, name, content)

    def _number(self) -> int:
        return self._free_numbers.pop() if self._free_numbers else next(self._numbers)


def disk_error(number: int, path: str) -> OSError:
    """Return the error that an operation on `path` ends with."""
    return OSError(number, os.strerror(number), path)
