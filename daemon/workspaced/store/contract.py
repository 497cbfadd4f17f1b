"""The contract of a store of workspaces: a backend that commits whole states."""

import errno
import os
from collections.abc import Sequence
from typing import Protocol, Self

import msgspec

from workspaced.domain import workspaces
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.entries import Cause, Entry
from workspaced.domain.errors import InvalidField, RequestError
from workspaced.domain.records import encode
from workspaced.domain.state import Draft, State
from workspaced.domain.tags_and_metadata import check_both
from workspaced_protocol.daemon_models import RecoveryStatus
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import StoreCheck, Workspace
from workspaced_protocol.problems import problem_at


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
        self.message = f"{reason}: {advice}." if advice else reason
        self.errno = number
        super().__init__(self.message)


class WrittenByNewerRelease(StoreUnusable):
    """The store has a format version that this release does not know."""


_ADVICE = {
    errno.ENOSPC: "; free some space, then try again",
    errno.EDQUOT: "; free some of your quota, then try again",
    errno.EACCES: "; check the owner and mode of the data directory",
    errno.EROFS: "; the file system is mounted read-only: remount it read-write, then try again",
}


class WorkspaceStore(Protocol):
    """A store of workspaces. The contract does not mention files, so a database or a server can fulfil it.

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

    def commit(
        self,
        state: State,
        entries: Sequence[Entry],
        *,
        is_whole: bool = False,
        keeps_previous: str | None = None,
    ) -> None:
        """Make `state` durable before returning.

        `entries` are the changes since the last commit, in order: for the history, and for a backend that writes only
        changes. With `is_whole`, the whole state must be written, as after a failure. With `keeps_previous`, first
        quarantine a copy of the stored state under that reason.

        Raises StorageFailure if nothing was applied, CommitUnknown if the outcome is unknown.
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


class StoreBase:
    """The reads and writes of a WorkspaceStore, on top of its `state` and `commit`."""

    state: State

    def commit(
        self,
        state: State,
        entries: Sequence[Entry],
        *,
        is_whole: bool = False,
        keeps_previous: str | None = None,
    ) -> None:
        """See WorkspaceStore."""
        raise NotImplementedError

    def tidy(self) -> None:
        """See WorkspaceStore. By default there is nothing to clean up."""

    @property
    def is_behind(self) -> bool:
        """See WorkspaceStore. By default a commit writes everything."""
        return False

    def catch_up(self) -> None:
        """See WorkspaceStore. By default there is nothing to write."""

    def settle(self) -> None:
        """See WorkspaceStore. By default a commit leaves nothing for later."""

    def get_all(self) -> list[Workspace]:
        """See WorkspaceStore."""
        return self.state.workspaces()

    def get_by_id(self, id_: str, /) -> Workspace | None:
        """See WorkspaceStore."""
        return self.state.get(id_)

    def get_by_name(self, name: str, /) -> Workspace | None:
        """See WorkspaceStore."""
        return self.state.get_by_name(name)

    def save(self, workspace: Workspace, /) -> Workspace:
        """See WorkspaceStore."""
        # msgspec checks little when a struct is made, and a workspace that can't be read again must not be written.
        try:
            # Metadata may change after the call, so a copy is kept.
            kept = msgspec.json.decode(encode(workspace), type=Workspace)
        except msgspec.ValidationError as error:
            problem, where = problem_at(error)
            path = f"workspace.{where}" if where else "workspace"
            raise InvalidField(
                path, f"The workspace can't be stored: `{path}` is wrong: {problem}."
            ) from error
        except (UnicodeEncodeError, TypeError, RecursionError) as error:
            raise InvalidField("workspace", f"The workspace can't be stored: {error}.") from error
        check_both(workspace, "workspace")
        self._write("store.save", workspaces.save(kept, None))
        return self.state.records[workspace.id].workspace

    def remove(self, id_: str, /) -> None:
        """See WorkspaceStore."""
        self._write("store.remove", workspaces.remove(id_))

    def flush(self) -> int:
        """See WorkspaceStore."""
        self.commit(self.state, (), is_whole=True)
        return self.state.revision

    def _write(self, method: str, command: Command) -> None:
        draft = Draft(self.state)
        draft.apply(command(draft), Cause("", method=method), now_ms())
        if draft.touches_store:
            self.commit(draft.freeze(), draft.entries)
