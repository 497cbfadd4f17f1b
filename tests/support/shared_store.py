"""A store in memory that several daemons share, as machines share one over a network.

Each of them opens it with `SharedMemory.open`. A commit compares, as one step, whether its store has handed over all that
the others have committed; if not, they have overtaken it. Sessions are shared, too. A test can cut a store off, limit a
commit, and have a store lose track of what the others committed.
"""

import errno
import threading
from collections.abc import Callable
from dataclasses import replace

from workspaced.domain.draft import Draft
from workspaced.domain.history import History
from workspaced.domain.records import ELSEWHERE, OwnedSession
from workspaced.store import InMemoryWorkspaceStore, StorageFailure
from workspaced.store.contract import Commit, News, Outage, Overtaken


class SharedMemory:
    """The commits of all stores that share it, in order."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.lock = threading.Lock()
        self.first = InMemoryWorkspaceStore().state
        self.stores: list[SharedStore] = []

    def open(self, room: int | None = None) -> "SharedStore":
        """Return one more store on this memory; a commit has room for so many changes."""
        return SharedStore(self, room)

    def end_sessions(self, *session_ids: str) -> None:
        """End these sessions on all machines: their own has not been heard of for too long."""
        with self.lock:
            state = self.commits[-1].state if self.commits else self.first
            self.commits.append(Commit(state, ended=session_ids))
        self.wake_all()

    def wake_all(self, but: "SharedStore | None" = None) -> None:
        """Tell all stores that there is news, but the one that made it, and those that are cut off."""
        for store in self.stores:
            if store is not but and store.outage is None:
                store.wake()


class SharedStore(InMemoryWorkspaceStore):
    """One daemon's store on a shared memory."""

    def __init__(self, memory: SharedMemory, room: int | None = None) -> None:
        super().__init__()
        self.state = memory.first
        self.overtaken = 0
        """How many commits were refused."""
        self.attempts = 0
        """How many commits were begun."""
        self.sizes: list[int] = []
        """How many changes each of its commits had."""
        self.loses_track = False
        """Whether it knows no more by which changes the others came to their state."""
        self.wake: Callable[[], None] = lambda: None
        self._outage: Outage | None = None
        self._room = room
        self._memory = memory
        self._taken = 0  # how many of the commits this store has made or handed over
        memory.stores.append(self)
        self.take_news()

    @property
    def shares_sessions(self) -> bool:
        """See WorkspaceStore."""
        return True

    @property
    def outage(self) -> Outage | None:
        """See WorkspaceStore."""
        return self._outage

    def cut_off(self, reason: str, since_ms: int) -> None:
        """Begin an outage: it reaches the memory no more."""
        self._outage = Outage(reason, since_ms)
        self.wake()

    def come_back(self) -> None:
        """End the outage."""
        self._outage = None
        self.wake()

    def listen(self, wake: Callable[[], None], /) -> None:
        """See WorkspaceStore."""
        self.wake = wake

    def has_room(self, draft: Draft, /) -> bool:
        """See WorkspaceStore."""
        return self._room is None or len(draft.changed) + len(draft.begun) + len(draft.ended) <= self._room

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore."""
        self.attempts += 1
        if self._outage is not None:
            raise StorageFailure(self._outage.reason, errno.ENETUNREACH)
        with self._memory.lock:
            if self._taken < len(self._memory.commits):
                self.overtaken += 1
                raise Overtaken
            self._memory.commits.append(commit)
            self._taken += 1
            self.state = commit.state
            self.sizes.append(len(commit.changed) + len(commit.begun) + len(commit.ended))
        self._memory.wake_all(but=self)

    def take_news(self) -> News | None:
        """See WorkspaceStore. The others' changes are applied to this store's own state, as a database's would be."""
        if self._outage is not None:
            return None
        with self._memory.lock:
            news = self._memory.commits[self._taken :]
            self._taken += len(news)
        if not news:
            return None
        entries = [entry for commit in news for entry in commit.entries]
        draft = Draft(self.state)
        for commit in news:
            _apply(commit, draft)
        draft.revision = news[-1].state.revision
        if self.loses_track:
            self.loses_track = False
            self.state = replace(draft.freeze(), history=History(draft.revision))
            return News(self.state, is_gap=True)
        draft.entries.extend(entries)
        self.state = draft.freeze()
        return News(self.state, entries)


def _apply(commit: Commit, draft: Draft) -> None:
    for id_, record in commit.changed.items():
        if record is None:
            draft.drop(id_)
        else:
            draft.put(record.workspace)
    for key, workspace_id in commit.new_keys.items():
        draft.request_keys = draft.request_keys.with_key(key, workspace_id)
    for session_id in commit.ended:
        if session_id in draft.sessions:
            draft.end(session_id)
    for owned in commit.begun:
        draft.begin(OwnedSession(owned.session, ELSEWHERE))
