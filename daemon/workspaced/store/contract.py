"""The contract of a store of workspaces: a backend that makes states durable, one commit after the other."""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

from workspaced.domain.draft import Draft
from workspaced.domain.entries import Entry
from workspaced.domain.errors import RequestError
from workspaced.domain.records import OwnedSession, Record
from workspaced.domain.state import State
from workspaced_protocol.daemon_models import RecoveryStatus
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import StoreCheck, Workspace


class StoreError(RequestError):
    """The disk failed. `errno` is the system's error number; the message names the failure and its place."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message, errno=number)
        self.errno = number

    @classmethod
    def from_os_error(cls, error: OSError, action: str) -> Self:
        """Return the failure of `action`, a verb with its object such as “write workspaces.json”."""
        number = error.errno or 0
        reason = error.strerror or str(error)
        # A reason that is not the system's has its own advice.
        advice = _ADVICE.get(number, "") if reason == os.strerror(number) else ""
        return cls(f"Could not {action}: {reason}{advice}.", number)


class StorageFailure(StoreError):
    """Nothing was applied: memory equals the disk. Also the failure of a read or of a backup."""

    code = ErrorCode.STORAGE_FAILURE


class CommitUnknown(StoreError):
    """The disk failed, or the deadline passed, during a commit: the disk may or may not hold it."""

    code = ErrorCode.COMMIT_UNKNOWN

    def of_write(self, revision: int) -> "CommitUnknown":
        """Return the error for one write of the commit; `revision` is the store's revision if the write was applied."""
        advice = (
            f"The write may have been applied: if the store reaches revision {revision}, check for "
            "your change before you repeat the write."
        )
        answer = CommitUnknown(f"{self.message} {advice}", self.errno)
        answer.data = {"revision": revision}
        return answer


class StoreUnusable(Exception):
    """The store can't be opened. The message gives the reason and the way out.

    Its files were not touched, unless the message says that a recovery could not be written.

    `advice` is apart from `reason`, so that a caller that knows the file's purpose can give better advice.
    `errno` is the system's error number or the nearest one, 0 if there is none.
    """

    def __init__(self, reason: str, advice: str = "", number: int = 0) -> None:
        self.reason = reason
        self.advice = advice
        self.message = f"{reason}: {advice}." if advice else reason
        self.errno = number
        super().__init__(self.message)


class WrittenByNewerRelease(StoreUnusable):
    """The store has a format version that this release does not know."""


class UnfitSettings(StoreUnusable):
    """The settings ask for another store than the data directory has, or for one that can't be served so."""


class StoreUnreachable(StoreUnusable):
    """The server that holds the store does not answer, or has no quorum. A later start may succeed."""


_ADVICE = {
    errno.ENOSPC: "; free some space, then try again",
    errno.EDQUOT: "; free some of your quota, then try again",
    errno.EACCES: "; check the owner and mode of the data directory",
    errno.EROFS: "; the file system is mounted read-only: remount it read-write, then try again",
}


class Outage(NamedTuple):
    """A time in which the store can't take writes, though its state can still be read: as without a network."""

    reason: str
    """A sentence for a person: what can't be reached, and what to do."""
    since_ms: int
    """Its beginning, in Unix milliseconds."""


class Overtaken(Exception):
    """Others have committed since the state that a commit was made from. Nothing was applied: take the news, then retry."""


@dataclass(frozen=True)
class Commit:
    """The content of a commit: a state, and what changes to make it of the one before.

    A store that writes everything takes `state`. One that writes only changes takes the rest, and of `state` what
    takes little to write: `revision` and `recovery`.
    """

    state: State
    """The state after the commit."""
    entries: Sequence[Entry] = ()
    """The changes in order, for the history."""
    changed: Mapping[str, Record | None] = field(default_factory=dict[str, Record | None])
    """The changed workspaces by id, each as it is in `state`; None for a removed one."""
    new_keys: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """The request keys that are new in `state`, oldest first, each with its workspace's id."""
    dropped_keys: Sequence[str] = ()
    """The request keys that `state` does not have any more."""
    begun: Sequence[OwnedSession] = ()
    """The sessions that are new in `state`."""
    ended: Sequence[str] = ()
    """The ids of the sessions that `state` does not have any more."""
    is_whole: bool = False
    """Whether all of `state` must be written again, whatever the store holds: as after a failure."""
    keeps_previous: str | None = None
    """Why the stored state is copied to quarantine before the commit: a part of the copy's name. None: it is not."""


def commit_of(draft: Draft, *, is_whole: bool = False) -> Commit:
    """Return the content of the commit that makes a draft durable; the draft must not be changed afterwards."""
    state = draft.freeze()
    return Commit(
        state,
        draft.entries,
        draft.changed,
        draft.new_keys,
        draft.dropped_keys,
        [*draft.begun.values()],
        draft.ended,
        is_whole=is_whole,
        keeps_previous=draft.keeps_previous,
    )


class News(NamedTuple):
    """What others, such as another machine's daemon, have committed to the same store."""

    state: State
    """The state that they have left; its `lost` and held request keys count for nothing.

    Its `sessions` are this daemon's own, with their connections, and those of other machines (`ELSEWHERE`).
    """
    entries: Sequence[Entry] = ()
    """Their changes in order, which are in the history of `state` too."""
    is_gap: bool = False
    """Whether changes are missing in `entries`, and so in the history: then no event can tell of them."""


class WorkspaceStore(Protocol):
    """A store of workspaces. The contract does not mention files, so a database or a server can fulfil it.

    Every store promises: what `commit` returned for is durable. A commit that raised StorageFailure or Overtaken changed
    nothing. `state` is never one that is not durable. The revision rises with every change, and `state.store_id` is the
    same for as long as the store lives. Damaged data is never served as if it were whole (`recovery`).

    All methods block. Call the methods that commit, `tidy` and `close` from one thread at a time (in the
    daemon, the writer's). Call the others from any thread, even during a commit.
    """

    @property
    def state(self) -> State:
        """The last committed state."""
        ...

    @property
    def recovery(self) -> RecoveryStatus:
        """The result of the recovery at startup."""
        ...

    @property
    def shares_sessions(self) -> bool:
        """Whether sessions are shared with other machines, as all else: then a change of sessions is a commit, too."""
        ...

    @property
    def outage(self) -> Outage | None:
        """Why the store takes no writes at present; None while it does, as far as it knows."""
        ...

    def has_room(self, draft: Draft, /) -> bool:
        """Return whether one commit can hold all changes of this draft. A larger commit costs as much as the whole store.

        It does not block, and its own cost does not grow with the number of workspaces.
        """
        ...

    def commit(self, commit: Commit, /) -> None:
        """Make `commit.state` durable before returning.

        Raises StorageFailure if nothing was applied, CommitUnknown if the outcome is unknown, Overtaken if others have
        committed what `take_news` has not handed over yet: then it does.
        """
        ...

    def listen(self, wake: Callable[[], None], /) -> None:
        """Have `wake` called whenever there is news, or `outage` has changed. Call it once at most.

        `wake` may be called from any thread, and does not block.
        """
        ...

    def take_news(self) -> News | None:
        """Return what others have committed since the last call or commit, or None. It does not block, and never raises.

        The end of this daemon's own sessions, which others no longer trust in, is news as well.

        Call it from any thread, but not during a commit.
        """
        ...

    def tidy(self) -> None:
        """Clean up after a commit, once its writes are answered, so that no client waits for the cleanup.

        It never raises. Calling it is optional: the store can also commit again or close without it.
        """
        ...

    @property
    def is_behind(self) -> bool:
        """Whether commits have left something that `catch_up` is to write."""
        ...

    def catch_up(self) -> None:
        """Write what commits could not write, which is no part of their promise: the history of the JSON store.

        Call it in place of a commit, when none has come for a while and at the end. It never raises.
        """
        ...

    def settle(self) -> None:
        """Make durable what a commit leaves for later, which is no part of its promise: the history of the JSON store.

        It never raises, may block as long as a disk hangs, and may be called from any thread, even during a commit.
        Call it at most once at a time.
        """
        ...

    def check(self) -> StoreCheck:
        """Read the stored data back and verify it. The result gives the reason for corrupted or unreadable data."""
        ...

    def close(self) -> None:
        """Close the store; the last commit stays."""
        ...

    def get_all(self) -> list[Workspace]:
        """Return all workspaces by creation time."""
        ...

    def get_by_id(self, id_: str, /) -> Workspace | None:
        """Return the workspace with this id, or None."""
        ...

    def get_by_name(self, name: str, /) -> Workspace | None:
        """Return the workspace with this name, compared without case, or None."""
        ...

    def save(self, workspace: Workspace, /) -> Workspace:
        """Commit the workspace, in place of an earlier one with its id, and return it as stored.

        Raises StorageFailure, or an error of domain.errors such as NameConflict or InvalidField.
        """
        ...

    def remove(self, id_: str, /) -> None:
        """Commit the removal of this workspace; an unknown id is no error. Raises StorageFailure."""
        ...

    def flush(self) -> int:
        """Write the whole state again and return its revision. Raises StorageFailure."""
        ...
