"""Stores for tests of the writer: each commit ends as the test says, and when it says so."""

import threading
from collections import deque
from typing import TypeVar

import trio

from workspaced.domain.state import State
from workspaced.store import CommitUnknown, InMemoryWorkspaceStore, StorageFailure
from workspaced.store.contract import Commit

E = TypeVar("E", bound=Exception)

PATIENCE_SECONDS = 30.0
"""How long a commit waits for a test that forgot it; no test relies on this."""


def disk_full() -> StorageFailure:
    """The disk refused, and holds what it held."""
    return StorageFailure("Could not write workspaces.json: No space left on device.", 28)


def outcome_unknown() -> CommitUnknown:
    """The disk failed after it had begun."""
    return CommitUnknown("Could not sync the data directory: Input/output error.", 5)


class ScriptedStore(InMemoryWorkspaceStore):
    """Commits succeed, but for those for which `failures` holds an exception, in turn."""

    def __init__(self, *failures: Exception | None) -> None:
        super().__init__()
        self.failures = deque(failures)
        self.attempts: list[State] = []
        """The state of every commit that was begun."""
        self.durable: list[State] = [self.state]
        """Every state that was committed, and the first."""

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore."""
        self.attempts.append(commit.state)
        failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            raise failure
        super().commit(commit)
        self.durable.append(commit.state)


class PendingCommit:
    """A commit that has begun and waits for the test to say how it ends."""

    def __init__(self, commit: Commit) -> None:
        self.state = commit.state
        self.entries = commit.entries
        self.is_whole = commit.is_whole
        self._failure: Exception | None = None
        self._decided = threading.Event()

    def names(self) -> list[str]:
        """The names of the workspaces that this commit holds."""
        return [workspace.name for workspace in self.state.workspaces()]

    def succeed(self) -> None:
        """The commit is durable."""
        self._decided.set()

    def fail(self, failure: Exception) -> None:
        """The commit ends with this."""
        self._failure = failure
        self._decided.set()

    def wait(self) -> None:
        """Block the thread of the commit, as a disk does."""
        if not self._decided.wait(PATIENCE_SECONDS):
            raise AssertionError("The test left a commit waiting.")
        if self._failure is not None:
            raise self._failure


class GatedStore(InMemoryWorkspaceStore):
    """Each commit hangs until the test ends it.

    Where time matters, use it with `mock_clock`, which is moved by hand: the autojump clock does not
    wait for threads, and would jump to the deadlines of the writes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[PendingCommit] = []
        """Every commit that was begun."""
        self._begun, self._waiting = trio.open_memory_channel[PendingCommit](1)
        self._is_open = False
        self._trio = trio.lowlevel.current_trio_token()

    async def next_commit(self) -> PendingCommit:
        """Wait until a commit has begun."""
        return await self._waiting.receive()

    async def succeed(self, count: int = 1) -> None:
        """Let the next commits through."""
        for _ in range(count):
            (await self.next_commit()).succeed()

    def open(self) -> None:
        """Let every commit through from now on, and those that wait."""
        self._is_open = True
        for attempt in self.attempts:
            attempt.succeed()

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore."""
        attempt = PendingCommit(commit)
        self.attempts.append(attempt)
        if not self._is_open:
            trio.from_thread.run_sync(self._begun.send_nowait, attempt, trio_token=self._trio)
            attempt.wait()
        super().commit(commit)


class Reply:
    """Takes the answer to a write, and gives it to the test."""

    def __init__(self) -> None:
        self.answers: list[object] = []
        self._answered = trio.Event()

    def __call__(self, result: object) -> None:
        self.answers.append(result)
        self._answered.set()

    async def result(self) -> object:
        """The answer, once it is there; there is never a second one."""
        await self._answered.wait()
        (answer,) = self.answers
        return answer

    async def refusal(self, type_: type[E]) -> E:
        """The refusal of this kind that the write is answered with."""
        answer = await self.result()
        assert type(answer) is type_
        return answer
