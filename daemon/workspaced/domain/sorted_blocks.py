"""A sorted sequence that never changes: a changed copy shares all but one block with its original.

The strategy: items stand in blocks of a few hundred. A change copies its block, and the list of the blocks, which is
short. So a copy for each change of a hundred thousand items takes microseconds, and reading all of them is one pass.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_BLOCK_LIMIT: Final = 512
"""The most items of a block: about as many as there are blocks of a few hundred thousand items."""

_Key = Callable[[T], Any]  # whatever compares with its like


class SortedBlocks(Generic[T]):
    """Items in the order of a key, which differs from item to item."""

    __slots__ = ("_blocks", "_key", "_length")

    def __init__(self, key: _Key[T], items: Iterable[T] = ()) -> None:
        """Hold these items, in any order."""
        ordered = sorted(items, key=key)
        self._key = key
        self._blocks = [ordered[at : at + _BLOCK_LIMIT] for at in range(0, len(ordered), _BLOCK_LIMIT)]
        self._length = len(ordered)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return chain.from_iterable(self._blocks)

    def with_item(self, item: T) -> "SortedBlocks[T]":
        """Return a copy with this item, in place of the one with its key."""
        if not self._blocks:
            return SortedBlocks(self._key, [item])
        number, at = self._place(item)
        block = self._blocks[number].copy()
        is_new = at == len(block) or self._key(block[at]) != self._key(item)
        block[at : at + (not is_new)] = [item]
        return self._copy(number, block, self._length + is_new)

    def without(self, item: T) -> "SortedBlocks[T]":
        """Return a copy without the item that has this item's key. Raise KeyError if there is none."""
        number, at = self._place(item) if self._blocks else (0, 0)
        block = self._blocks[number].copy() if self._blocks else []
        if at == len(block) or self._key(block[at]) != self._key(item):
            raise KeyError(self._key(item))
        del block[at]
        return self._copy(number, block, self._length - 1)

    def _place(self, item: T) -> tuple[int, int]:
        """Return the number of the block for an item, and the item's index there, present or not."""
        key = self._key(item)
        number = max(bisect_right(self._blocks, key, key=self._first_key) - 1, 0)
        return number, bisect_left(self._blocks[number], key, key=self._key)

    def _first_key(self, block: list[T]) -> Any:
        return self._key(block[0])

    def _copy(self, number: int, block: list[T], length: int) -> "SortedBlocks[T]":
        """Return a copy with this block in place of the one of this number."""
        if len(block) > _BLOCK_LIMIT:
            # New items usually come last: then the full block stays as it is.
            middle = _BLOCK_LIMIT if number == len(self._blocks) - 1 else _BLOCK_LIMIT // 2
            parts = [block[:middle], block[middle:]]
        else:
            parts = [block] if block else []
        blocks = self._blocks.copy()
        blocks[number : number + 1] = parts
        copy = object.__new__(type(self))
        copy._key, copy._blocks, copy._length = self._key, blocks, length
        return copy
