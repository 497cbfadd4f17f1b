"""A mapping that never changes: a changed copy costs what the change costs, and shares the rest with its original.

The strategy: a hash trie. A leaf is a small dict; a branch has a child for each value of the next four bits of a key's
hash. A change copies one leaf and the branches above it. Iteration is in no particular order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_BITS: Final = 4
_WIDTH: Final = 1 << _BITS
_LEAF_LIMIT: Final = 64
"""The most entries of a leaf: larger ones take longer to copy, smaller ones take more memory."""

_DEPTH_LIMIT: Final = 60 // _BITS
"""Here the bits of a hash are used up. A leaf this deep has no limit: its keys have equal hashes."""

_Node: TypeAlias = "dict[K, V] | list[_Node[K, V]]"


class TrieMap(Mapping[K, V]):
    """A mapping that never changes."""

    __slots__ = ("_length", "_root")

    def __init__(self, content: Mapping[K, V] | None = None) -> None:
        """Hold what `content` holds now."""
        entries = dict(content or {})
        self._root: _Node[K, V] = _tree(entries, 0)
        self._length = len(entries)

    def __getitem__(self, key: K) -> V:
        node, bits = self._root, hash(key)
        while isinstance(node, list):
            node = node[bits % _WIDTH]
            bits >>= _BITS
        return node[key]

    def __iter__(self) -> Iterator[K]:
        for leaf in _leaves(self._root):
            yield from leaf

    def __len__(self) -> int:
        return self._length

    def __contains__(self, key: object) -> bool:
        node, bits = self._root, hash(key)
        while isinstance(node, list):
            node = node[bits % _WIDTH]
            bits >>= _BITS
        return key in node

    def with_item(self, key: K, value: V) -> TrieMap[K, V]:
        """Return a copy in which `key` has `value`."""
        return self._copy(_with(self._root, key, value, hash(key), 0), self._length + (key not in self))

    def without(self, key: K) -> TrieMap[K, V]:
        """Return a copy without `key`. Raise KeyError if it is not there."""
        return self._copy(_without(self._root, key, hash(key)), self._length - 1)

    def _copy(self, root: _Node[K, V], length: int) -> TrieMap[K, V]:
        copy = object.__new__(type(self))
        copy._root, copy._length = root, length
        return copy


def _tree(entries: dict[K, V], depth: int) -> _Node[K, V]:
    """Return the node that holds these entries, at this depth."""
    if len(entries) <= _LEAF_LIMIT or depth == _DEPTH_LIMIT:
        return entries
    children: list[dict[K, V]] = [{} for _ in range(_WIDTH)]
    shift = depth * _BITS
    for key, value in entries.items():
        children[(hash(key) >> shift) % _WIDTH][key] = value
    return [_tree(child, depth + 1) for child in children]


def _with(node: _Node[K, V], key: K, value: V, bits: int, depth: int) -> _Node[K, V]:
    if isinstance(node, list):
        branch = node.copy()
        at = bits % _WIDTH
        branch[at] = _with(branch[at], key, value, bits >> _BITS, depth + 1)
        return branch
    leaf = node.copy()
    leaf[key] = value
    return _tree(leaf, depth)


def _without(node: _Node[K, V], key: K, bits: int) -> _Node[K, V]:
    if isinstance(node, list):
        branch = node.copy()
        at = bits % _WIDTH
        branch[at] = _without(branch[at], key, bits >> _BITS)
        return branch
    leaf = node.copy()
    del leaf[key]
    return leaf


def _leaves(node: _Node[K, V]) -> Iterator[dict[K, V]]:
    if isinstance(node, list):
        for child in node:
            yield from _leaves(child)
    else:
        yield node
