"""The keys of applied writes, by which a repeat is known. They never change: a changed copy costs what the change costs.

The strategy: the newest keys are kept up to a limit. Those that were there at a start are held beyond it for a while,
because their clients may still repeat writes after the restart.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Final

from workspaced.domain.sorted_blocks import SortedBlocks
from workspaced.domain.trie_map import TrieMap

MAX_REQUEST_KEYS: Final = 256
"""The keys that are always kept, at 60 bytes a key in each commit of the JSON store. Held keys, the last batch's and those
that wait to be dropped are kept beyond it."""

DROPPED_AT_ONCE: Final = 32
"""Keys go in portions of at least this many. A database would read and write more pages in each commit that drops one."""

MAX_HELD_KEYS: Final = 8192
"""The limit of keys held from before a start: two full queues of writes. Only a loop of crashes leaves more."""


_Numbered = tuple[int, str]  # a key, and the number by which keys are sorted


def _number(numbered: _Numbered) -> int:
    return numbered[0]


_NONE: Final = SortedBlocks[_Numbered](_number)


@dataclass(frozen=True, eq=False)
class RequestKeys(Mapping[str, str | None]):
    """From each key, oldest first, to the workspace that answers a repeat."""

    _ids: TrieMap[str, str | None] = field(default_factory=TrieMap[str, str | None])
    _held: SortedBlocks[_Numbered] = _NONE
    _recent: SortedBlocks[_Numbered] = _NONE
    _next_number: int = 0

    @classmethod
    def held(cls, keys: Mapping[str, str | None]) -> "RequestKeys":
        """Return the newest of these keys, which are in order, held until they are released."""
        newest = dict([*keys.items()][-MAX_HELD_KEYS:])
        return cls(TrieMap(newest), SortedBlocks(_number, enumerate(newest)), _NONE, len(newest))

    def __getitem__(self, key: str) -> str | None:
        return self._ids[key]

    def __iter__(self) -> Iterator[str]:
        return (key for _, key in chain(self._held, self._recent))

    def __len__(self) -> int:
        return len(self._ids)

    def with_key(self, key: str, workspace_id: str | None) -> "RequestKeys":
        """Return a copy with one more key, the newest, which must not be there yet."""
        return replace(
            self,
            _ids=self._ids.with_item(key, workspace_id),
            _recent=self._recent.with_item((self._next_number, key)),
            _next_number=self._next_number + 1,
        )

    def without_oldest(self, kept: int) -> tuple["RequestKeys", list[str]]:
        """Return a copy with only the newest `kept` of those that are not held, and the keys that it lacks.

        Until there is a portion too many, it lacks none.
        """
        ids, recent = self._ids, self._recent
        if len(recent) - kept < DROPPED_AT_ONCE:
            return self, []
        oldest = [*islice(recent, len(recent) - kept)]
        for numbered in oldest:
            recent = recent.without(numbered)
            ids = ids.without(numbered[1])
        return replace(self, _ids=ids, _recent=recent), [key for _, key in oldest]

    def released(self) -> "RequestKeys":
        """Return a copy that holds none: the keys of before the start are dropped like others."""
        if not self._held:
            return self
        return replace(self, _held=_NONE, _recent=SortedBlocks(_number, chain(self._held, self._recent)))
