"""A sorted sequence that never changes: a changed copy shares all but one block with its original.

The strategy: items stand in blocks of a few hundred. A change copies its block, and the list of the blocks, which is
short. So a copy for each change of a hundred thousand items takes microseconds, and reading all of them is one pass.
The keys stand beside the items: a search then compares them without a call for each.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

_BLOCK_LIMIT: Final = 256
"""The most items of a block: about as many as there are blocks of a hundred thousand items."""

_Keys = list[Any]  # of whatever compares with its like


class _Block(NamedTuple, Generic[T]):
    """Some neighbours, and their keys. A block is never empty."""

    keys: _Keys
    items: list[T]


class SortedBlocks(Generic[T]):
    """Items in the order of a key, which differs from item to item."""

    __slots__ = ("_blocks", "_firsts", "_key", "_length")

    def __init__(self, key: Callable[[T], Any], items: Iterable[T] = ()) -> None:
        """Hold these items, in any order."""
        ordered = sorted(items, key=key)
        self._key = key
        self._blocks = _cut(_Block([*map(key, ordered)], ordered), _BLOCK_LIMIT)
        self._firsts: _Keys = [block.keys[0] for block in self._blocks]
        self._length = len(ordered)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(block.items for block in self._blocks)

    def with_item(self, item: T) -> "SortedBlocks[T]":
        """Return a copy with this item, in place of the one with its key."""
        if not self._blocks:
            return SortedBlocks(self._key, [item])
        key = self._key(item)
        number, at, is_there = self._find(key)
        keys, items = self._blocks[number]
        items = items.copy()
        if is_there:
            items[at] = item
            return self._copy(number, [_Block(keys, items)], self._length)
        keys = keys.copy()
        keys.insert(at, key)
        items.insert(at, item)
        # New items usually come last: then the full block stays as it is.
        size = _BLOCK_LIMIT if number == len(self._blocks) - 1 else _BLOCK_LIMIT // 2 + 1
        parts = _cut(_Block(keys, items), size) if len(items) > _BLOCK_LIMIT else [_Block(keys, items)]
        return self._copy(number, parts, self._length + 1)

    def without(self, item: T) -> "SortedBlocks[T]":
        """Return a copy without the item that has this item's key. Raise KeyError if there is none."""
        key = self._key(item)
        number, at, is_there = self._find(key) if self._blocks else (0, 0, False)
        if not is_there:
            raise KeyError(key)
        keys, items = (part.copy() for part in self._blocks[number])
        del keys[at], items[at]
        return self._copy(number, [_Block(keys, items)] if keys else [], self._length - 1)

    def _find(self, key: Any) -> tuple[int, int, bool]:
        """Return the number of the block for a key, the index there, and whether an item has the key."""
        number = max(bisect_right(self._firsts, key) - 1, 0)
        keys = self._blocks[number].keys
        at = bisect_left(keys, key)
        return number, at, at < len(keys) and keys[at] == key

    def _copy(self, number: int, parts: list[_Block[T]], length: int) -> "SortedBlocks[T]":
        """Return a copy with these blocks in place of the one of this number."""
        copy = object.__new__(type(self))
        copy._key, copy._length = self._key, length
        copy._blocks = self._blocks.copy()
        copy._blocks[number : number + 1] = parts
        firsts = [part.keys[0] for part in parts]
        if firsts == [self._firsts[number]]:
            copy._firsts = self._firsts
        else:
            copy._firsts = self._firsts.copy()
            copy._firsts[number : number + 1] = firsts
        return copy


def _cut(block: _Block[T], size: int) -> list[_Block[T]]:
    """Return the block in pieces of this size."""
    keys, items = block
    return [_Block(keys[at : at + size], items[at : at + size]) for at in range(0, len(items), size)]
