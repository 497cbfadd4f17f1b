"""A store in memory that several daemons share, as machines share one over a network.

Each of them opens it with `SharedMemory.open`. A commit compares, as one step, whether its store has handed over all that
the others have committed; if not, they have overtaken it.
"""

import threading
from collections.abc import Callable

from workspaced.domain.draft import Draft
from workspaced.store import InMemoryWorkspaceStore
from workspaced.store.contract import Commit, News, Overtaken


class SharedMemory:
    """The commits of all stores that share it, in order."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.lock = threading.Lock()
        self.first = InMemoryWorkspaceStore().state
        self.wakes: dict[int, Callable[[], None]] = {}

    def open(self) -> "SharedStore":
        """Return one more store on this memory."""
        return SharedStore(self)


class SharedStore(InMemoryWorkspaceStore):
    """One daemon's store on a shared memory."""

    def __init__(self, memory: SharedMemory) -> None:
        super().__init__()
        self.state = memory.first
        self.overtaken = 0
        """How many commits were refused."""
        self._memory = memory
        self._taken = 0  # how many of the commits this store has made or handed over
        self.take_news()

    def listen(self, wake: Callable[[], None], /) -> None:
        """See WorkspaceStore."""
        self._memory.wakes[id(self)] = wake

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore."""
        with self._memory.lock:
            if self._taken < len(self._memory.commits):
                self.overtaken += 1
                raise Overtaken
            self._memory.commits.append(commit)
            self._taken += 1
            self.state = commit.state
            others = [wake for owner, wake in self._memory.wakes.items() if owner != id(self)]
        for wake in others:
            wake()

    def take_news(self) -> News | None:
        """See WorkspaceStore. The others' changes are applied to this store's own state, as a database's would be."""
        with self._memory.lock:
            news = self._memory.commits[self._taken :]
            self._taken += len(news)
        if not news:
            return None
        entries = [entry for commit in news for entry in commit.entries]
        draft = Draft(self.state)
        for commit in news:
            for id_, record in commit.changed.items():
                if record is None:
                    draft.drop(id_)
                else:
                    draft.put(record.workspace)
            for key, workspace_id in commit.new_keys.items():
                draft.request_keys = draft.request_keys.with_key(key, workspace_id)
        draft.entries.extend(entries)
        draft.revision = news[-1].state.revision
        self.state = draft.freeze()
        return News(self.state, entries)
