"""The files and directories of a simulated disk: what each holds, and what a power loss may leave of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, Union

Tree: TypeAlias = "tuple[tuple[str, Tree | bytes], ...]"
"""A directory's content by name: of each file its bytes, of each directory its own tree."""

AsFound: TypeAlias = Callable[[str, bytes], bytes]
"""What can be told of a file of this name that holds these bytes: two files are one where the same is told of them."""

SECTOR_BYTES: Final = 512


@dataclass(eq=False)
class File:
    """A file; `links` counts its names."""

    number: int
    modified_at_ns: int
    data: bytes = b""
    links: int = 0
    descriptors: int = 0
    has_lost: bool = False
    _durable: bytes = b""

    def write(self, chunk: bytes, position: int, now_ns: int) -> None:
        """Put the chunk there; a gap before it reads as zeros."""
        if not chunk:
            return
        self.modified_at_ns = now_ns
        before = self.data[:position].ljust(position, b"\0")
        self.data = before + chunk + self.data[position + len(chunk) :]

    def truncate(self, length: int, now_ns: int) -> None:
        """Cut the file, or fill it up with zeros."""
        self.modified_at_ns = now_ns
        self.data = self.data[:length].ljust(length, b"\0")

    def settle(self) -> None:
        """A sync that reports success."""
        if not self.has_lost:
            self._durable = self.data

    def lose_unsynced(self) -> None:
        """A sync that fails."""
        self.has_lost = self.has_lost or self._durable != self.data

    def visible(self) -> bytes:
        """What readers see."""
        return self.data

    def survivors(self) -> list[bytes]:
        """What a power loss may leave, each once."""
        left = [self._durable, self.data]
        if self._durable != self.data:
            # What was durable stays as it is where only more was added.
            kept = self._durable if self.data.startswith(self._durable) else b""
            added = self.data[len(kept) :]
            size = len(added)
            left.append(kept + bytes(size))
            if size > SECTOR_BYTES:
                left += [kept + added[: size // 2], kept + b"\xa5" * size]
        return list(dict.fromkeys(left))

    def walk(self) -> Iterator[Node]:
        """This file alone."""
        yield self


@dataclass(eq=False)
class _Change:
    """Entries that changed together; None: the name is gone."""

    entries: Mapping[str, Node | None]
    is_lost: bool = False


@dataclass(eq=False)
class Folder:
    """A directory; `links` counts its name, if it still has one."""

    number: int
    modified_at_ns: int
    links: int = 0
    descriptors: int = 0
    entries: dict[str, Node] = field(default_factory=dict[str, "Node"])
    _durable: dict[str, Node] = field(default_factory=dict[str, "Node"])
    _log: list[tuple[_Change, bool]] = field(default_factory=list[tuple[_Change, bool]])
    """The changes since `_durable`, each with whether it is durable by now."""

    @property
    def has_lost(self) -> bool:
        """Whether readers see changes that a failed sync lost."""
        return any(change.is_lost for change, _ in self._log)

    def change(self, entries: Mapping[str, Node | None]) -> list[Node]:
        """Change all of these entries at once; return what stood there and stands there no more."""
        replaced = [self.entries[name] for name in entries if name in self.entries]
        for node in entries.values():
            if node is not None:
                node.links += 1
        for node in replaced:
            node.links -= 1
        self.entries = _applied(self.entries, entries)
        self._log.append((_Change(entries), False))
        return replaced

    def settle(self) -> None:
        """A sync that reports success."""
        self._log = [(change, is_durable or not change.is_lost) for change, is_durable in self._log]
        while self._log and self._log[0][1]:
            self._durable = _applied(self._durable, self._log.pop(0)[0].entries)

    def lose_unsynced(self) -> None:
        """A sync that fails."""
        for change, is_durable in self._log:
            change.is_lost = change.is_lost or not is_durable

    def visible(self) -> Tree:
        """What readers see."""
        return tuple((name, self.entries[name].visible()) for name in sorted(self.entries))

    def survivors(self, as_found: AsFound) -> Iterator[Tree]:
        """What a power loss may leave, as far as it can be told apart; some more than once."""
        possible = {_key(self._durable): self._durable}
        for change, is_durable in self._log:
            applied = [_applied(entries, change.entries) for entries in possible.values()]
            if is_durable:
                possible = {}
            possible |= {_key(entries): entries for entries in applied}
        left_of: dict[tuple[str, int], Sequence[Tree | bytes]] = {}
        for entries in possible.values():
            names = sorted(entries)
            for name in names:
                node = entries[name]
                if (name, id(node)) not in left_of:
                    left_of[name, id(node)] = _left_of(name, node, as_found)
            below = [left_of[name, id(entries[name])] for name in names]
            for contents in itertools.product(*below):
                yield tuple(zip(names, contents, strict=True))

    def walk(self) -> Iterator[Node]:
        """This directory and all below it."""
        yield self
        for node in self.entries.values():
            yield from node.walk()


Node: TypeAlias = Union[File, Folder]  # noqa: UP007  `|` does not take the names in quotes above


def _applied(entries: Mapping[str, Node], change: Mapping[str, Node | None]) -> dict[str, Node]:
    after = {**entries, **change}
    return {name: node for name, node in after.items() if node is not None}


def _left_of(name: str, node: Node, as_found: AsFound) -> Sequence[Tree | bytes]:
    """What a power loss may leave of a node that has this name, each once."""
    if isinstance(node, File):
        return list(dict.fromkeys(as_found(name, data) for data in node.survivors()))
    return list(dict.fromkeys(node.survivors(as_found)))


def _key(entries: Mapping[str, Node]) -> frozenset[tuple[str, int]]:
    return frozenset((name, id(node)) for name, node in entries.items())


def each(tree: Tree, prefix: str = "/") -> Iterator[tuple[str, bytes]]:
    """The path and content of each file."""
    for name, content in tree:
        if isinstance(content, bytes):
            yield prefix + name, content
        else:
            yield from each(content, f"{prefix}{name}/")
