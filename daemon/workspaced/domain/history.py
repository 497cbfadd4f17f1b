"""The history: the newest changes of the store.

The strategy: a history is a value, a part of the state. It is a range of a list that only grows, which it shares with
the histories before and after it. So a new state costs what its changes cost, and readers keep what they have. After
a failed commit the list holds changes that did not happen: then the next history copies its range to a list of its own.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from workspaced.domain.entries import Entry, first_revision

KEPT_ENTRIES: Final = 10_000
KEPT_BYTES: Final = 6 * 1024 * 1024
"""The limits of the entries in memory."""

_ENTRY_BYTES: Final = 300  # of an entry, beside the text of its workspace


@dataclass(frozen=True, slots=True)
class History:
    """The newest changes, oldest first, bounded by number and by bytes."""

    complete_since: int = 0
    """The revision after which all changes are here."""
    _list: list[Entry] = field(default_factory=list[Entry])
    _start: int = 0
    _end: int = 0
    _bytes: int = 0

    @classmethod
    def of(cls, entries: Sequence[Entry], complete_since: int) -> "History":
        """Return the history of these changes, less the oldest ones beyond the limits."""
        all_of_them = cls(complete_since).extended(entries)
        if len(all_of_them) == len(entries):
            return all_of_them
        # Another list frees those that are dropped.
        return cls(all_of_them.complete_since).extended(all_of_them.entries)

    def __len__(self) -> int:
        return self._end - self._start

    def extended(self, entries: Sequence[Entry]) -> "History":
        """Return this history with further changes, less the oldest ones beyond the limits."""
        if not entries:
            return self
        shared, start = self._list, self._start
        # Another list also frees what is dropped.
        if self._end < len(shared) or start > len(self) // 8:
            shared, start = shared[start : self._end], 0
        shared.extend(entries)
        size = self._bytes + sum(map(size_of, entries))
        complete_since = self.complete_since
        while len(shared) - start > KEPT_ENTRIES or (size > KEPT_BYTES and start < len(shared)):
            size -= size_of(shared[start])
            complete_since = max(complete_since, shared[start].revision)
            start += 1
        return History(complete_since, shared, start, len(shared), size)

    @property
    def entries(self) -> Sequence[Entry]:
        """All changes that are here, oldest first."""
        return self._list[self._start : self._end]

    @property
    def oldest(self) -> int | None:
        """The first revision that is here, or None."""
        return first_revision(self._list[self._start]) if len(self) else None

    def find(self, revision: int) -> Entry | None:
        """Return the change that took this revision, or None."""
        index = bisect_left(self._list, revision, self._start, self._end, key=_revision)
        if index == self._end or first_revision(self._list[index]) > revision:
            return None
        return self._list[index]

    def newest_of(self, workspace_id: str) -> Entry | None:
        """Return the last change of this workspace, or None."""
        return next(self.newest_first(workspace_id), None)

    def newest_first(self, workspace_id: str | None = None, before: int | None = None) -> Iterator[Entry]:
        """Yield the changes, the newest first: of one workspace or of all, below the revision `before` or all."""
        end = self._end
        if before is not None:
            end = bisect_left(self._list, before, self._start, self._end, key=_revision)
        for index in range(end - 1, self._start - 1, -1):
            entry = self._list[index]
            if workspace_id in (None, entry.workspace_id):
                yield entry

    def after(self, revision: int, limit: int) -> Sequence[Entry]:
        """Return at most `limit` changes after this revision, oldest first."""
        start = bisect_right(self._list, revision, self._start, self._end, key=_revision)
        return self._list[start : min(start + limit, self._end)]


def _revision(entry: Entry) -> int:
    return entry.revision


def size_of(entry: Entry) -> int:
    """Return the bytes that an entry counts for."""
    # The text before the change is shared with the entry that made it.
    return _ENTRY_BYTES + len(entry.after or entry.before or b"")
