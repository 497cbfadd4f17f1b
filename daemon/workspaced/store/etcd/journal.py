"""What others have committed, from the thread that follows etcd to the store that takes it over.

The strategy:
- The follower adds each change in etcd's order, this store's own among them. The store takes them out between commits.
- A store knows a change as its own by etcd's revision once its commit has succeeded, and by the nonce before.
- Where the changes can't be had one by one, the store as a whole takes their place.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from workspaced.domain.entries import Entry
from workspaced.domain.records import Record
from workspaced.store.etcd.reading import Contents
from workspaced.store.etcd.values import Head, RequestValue, StoredSession

PENDING_LIMIT: Final = 1000
"""The changes that wait for a store that does not take them, as while its commit hangs. Then the whole takes their place."""


EDITED_LIMIT: Final = 10_000
"""The edited workspaces that are put right. Where somebody edits more at once, the next start tells of damage."""


class Change(NamedTuple):
    """What one transaction has changed."""

    revision: int
    """etcd's."""
    head: Head | None
    """None where sessions have ended without a commit: by their lease, or by a daemon that started."""
    records: Mapping[str, Record | None]
    entries: Sequence[Entry]
    requests: Mapping[str, RequestValue]
    """The new request keys, in order."""
    sessions: Mapping[str, StoredSession | None]
    """The sessions by id; None for one that has ended."""
    is_gap: bool = False
    """Whether `entries` lacks some, which only a later release can read."""


class Newest(NamedTuple):
    """The newest head: neither number ever falls in a store that is well."""

    head_revision: int
    """etcd's revision of it."""
    revision: int
    """The store's."""


class OutcomeUnclear(Exception):
    """The changes that have come do not tell whether a commit was among them."""


class Journal:
    """The changes that a store has not taken over. For any thread."""

    def __init__(self, contents: Contents) -> None:
        """Begin after what a start has read."""
        self._changed = threading.Condition()
        self._pending: list[Change | Contents] = []
        self._followed = contents.revision
        self._newest = Newest(contents.held.head_revision, contents.held.head.revision)
        self._own: set[int] = set()
        self._nonce: str | None = None
        self._has_lost_sessions = False
        self._edited: dict[str, bytes | None] = {}
        self._wake: Callable[[], None] | None = None

    @property
    def followed(self) -> int:
        """The last revision of etcd whose changes are known."""
        with self._changed:
            return self._followed

    @property
    def newest(self) -> Newest:
        """The newest head that is known, whether it was taken out or not."""
        with self._changed:
            return self._newest

    @property
    def has_news(self) -> bool:
        """Whether there is something to take."""
        with self._changed:
            return bool(self._pending) or self._has_lost_sessions

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the whole should take its place."""
        with self._changed:
            return len(self._pending) >= PENDING_LIMIT

    def listen(self, wake: Callable[[], None]) -> None:
        """Have `wake` called when there is something to take."""
        self._wake = wake
        if self.has_news:
            wake()

    def wake(self) -> None:
        """Call who listens."""
        if self._wake is not None:
            self._wake()

    def is_own(self, change: Change) -> bool:
        """Return whether this is a change of the store's own."""
        with self._changed:
            return change.revision in self._own or (
                change.head is not None and change.head.nonce == self._nonce
            )

    def add(self, change: Change) -> None:
        """Add a change, which is later than those that are known."""
        with self._changed:
            self._followed = change.revision
            if change.head is not None:
                self._note_head(change.revision, change.head)
            is_own = change.revision in self._own
            self._own.discard(change.revision)
            if not is_own:
                self._pending.append(change)
            # A change of the commit in hand is most likely its success, which is no news.
            wakes = not is_own and (change.head is None or change.head.nonce != self._nonce)
            self._changed.notify_all()
        if wakes:
            self.wake()

    def advance(self, revision: int) -> None:
        """Note that nothing has changed up to this revision."""
        with self._changed:
            self._followed = max(self._followed, revision)
            self._changed.notify_all()

    def replace(self, contents: Contents) -> None:
        """Put the whole store in the place of all changes up to it."""
        with self._changed:
            if contents.revision < self._followed:
                return
            self._followed = contents.revision
            self._note_head(contents.held.head_revision, contents.held.head)
            self._own = {own for own in self._own if own > contents.revision}
            self._pending = [contents]
            self._changed.notify_all()
        self.wake()

    def expect(self, nonce: str | None) -> None:
        """Note the nonce of the commit in hand, None once it has failed."""
        with self._changed:
            self._nonce = nonce
            wakes = nonce is None and bool(self._pending)
        if wakes:
            self.wake()

    def confirm(self, revision: int, head: Head) -> None:
        """Take out the change that put this head, which is the store's own, now or when it comes."""
        with self._changed:
            self._nonce = None
            self._note_head(revision, head)
            if revision > self._followed:
                self._own.add(revision)
            self._pending = [
                each for each in self._pending if isinstance(each, Contents) or each.revision != revision
            ]

    def revision_of(self, nonce: str, entries: Sequence[Entry]) -> int | None:
        """Return the revision of the commit with this nonce and these changes, None if it is not here.

        Raises OutcomeUnclear where the store as a whole has taken the place of changes, and does not tell.
        """
        with self._changed:
            for each in self._pending:
                if isinstance(each, Change):
                    if each.head is not None and each.head.nonce == nonce:
                        return each.revision
                    continue
                state = each.held.state
                if each.held.head.nonce == nonce or (
                    entries and state.find_change(entries[-1].revision) == entries[-1]
                ):
                    return each.held.head_revision
                if not entries or state.history.complete_since >= entries[-1].revision:
                    raise OutcomeUnclear
            return None

    def wait_for(self, revision: int, limit_seconds: float) -> bool:
        """Wait until the changes up to this revision are here; return False if they are not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._followed >= revision, limit_seconds)

    def wait_for_news(self, limit_seconds: float) -> bool:
        """Wait until there is something to take; return False if there is nothing in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: bool(self._pending) or self._has_lost_sessions, limit_seconds
            )

    def _note_head(self, revision: int, head: Head) -> None:
        self._newest = Newest(
            max(self._newest.head_revision, revision), max(self._newest.revision, head.revision)
        )

    def note_edits(self, edited: Mapping[str, bytes | None]) -> None:
        """Note workspaces that were changed without a commit: their texts by id, None for deleted ones."""
        with self._changed:
            room = EDITED_LIMIT - len(self._edited)
            self._edited.update([*edited.items()][:room])

    def take_edits(self) -> Mapping[str, bytes | None]:
        """Take out the edits that were noted."""
        with self._changed:
            taken, self._edited = self._edited, {}
            return taken

    def lose_sessions(self) -> None:
        """Note that all sessions of this daemon are over, with their lease."""
        with self._changed:
            self._has_lost_sessions = True
        self.wake()

    def take(self) -> tuple[Sequence[Change | Contents], bool]:
        """Take out everything, in order, and whether the daemon's own sessions are over."""
        with self._changed:
            taken = self._pending, self._has_lost_sessions
            self._pending, self._has_lost_sessions = [], False
            return taken
