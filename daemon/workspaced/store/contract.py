"""What a store of workspaces is to the rest of the daemon: any backend that commits whole states."""

import errno
from collections.abc import Sequence
from typing import Protocol, Self

import msgspec

from workspaced.domain import workspaces
from workspaced.domain.commands import Command
from workspaced.domain.errors import InvalidField, RequestError
from workspaced.domain.state import Draft, State, encode
from workspaced_protocol.errors import ErrorCode
from workspaced_protocol.models import Change, RecoveryStatus, StoreCheck, Workspace
from workspaced_protocol.problems import problem_at


class StorageFailure(RequestError):
    """The disk refused a write: it was not applied, and memory equals disk.

    `errno` is the system's error number; the message says what failed, where, and what to do.
    """

    code = ErrorCode.STORAGE_FAILURE

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message, errno=number)
        self.errno = number

    @classmethod
    def from_os_error(cls, error: OSError, deed: str) -> Self:
        """`deed` is what was being done, as in “write workspaces.json”."""
        number = error.errno or 0
        reason = error.strerror or str(error)
        return cls(f"Could not {deed}: {reason}{_ADVICE.get(number, '')}.", number)


class CommitUnknown(StorageFailure):
    """Writing had begun, and then the disk failed or the deadline passed: the disk may or may not hold the commit."""

    code = ErrorCode.COMMIT_UNKNOWN

    def of_write(self, revision: int) -> "CommitUnknown":
        """Return the answer to one write of the commit; `revision` is the store's, should it have been applied."""
        advice = (
            f"The write may have been applied: if the store reaches revision {revision}, look "
            "whether it is there before you repeat it."
        )
        answer = CommitUnknown(f"{self.message} {advice}", self.errno)
        answer.data = {"revision": revision}
        return answer


class StoreUnusable(Exception):
    """The store can't be opened; its files were not touched. The message says why and what to do.

    `advice` is what to do where that depends on what the file is for, which who reads it knows better.
    `errno` is the system's error number, or the nearest one; 0 where none says it.
    """

    def __init__(self, reason: str, advice: str = "", number: int = 0) -> None:
        self.reason = reason
        self.message = f"{reason}: {advice}." if advice else reason
        self.errno = number
        super().__init__(self.message)


class WrittenByNewerRelease(StoreUnusable):
    """The store is of a version that this release does not know."""


_ADVICE = {
    errno.ENOSPC: "; free some space, then try again",
    errno.EDQUOT: "; free some of your quota, then try again",
    errno.EACCES: "; check who owns the data directory, and its mode",
    errno.EROFS: "; the file system is mounted read-only",
}


class WorkspaceStore(Protocol):
    """A store of workspaces. It says nothing of files, so a database or a server can be one.

    Calls block. What commits or tidies, and `close`, is called from one thread at a time: in the daemon, the
    writer's. The rest may be called from any thread, also while a commit is under way.
    """

    @property
    def state(self) -> State:
        """The last state that was committed."""
        ...

    @property
    def recovery(self) -> RecoveryStatus:
        """What opening the store found, and had to do."""
        ...

    def commit(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        """Makes `state` durable; it is when this returns.

        `changes` are those since the last commit, in order, for a backend that can write only them.
        None stands for “any”: the whole state is to be written, as after a failure. With
        `keeps_previous`, a copy of what is stored now is kept first, under that reason.

        Raises StorageFailure where nothing was applied, CommitUnknown where that can't be told.
        """
        ...

    def tidy(self) -> None:
        """Ends what a commit left to be done; called after its answers, so that nobody waits for it.

        It raises nothing, and the store can be committed to again, or closed, without it.
        """
        ...

    def check(self) -> StoreCheck:
        """What is stored, read back and verified as it is now; of what can't be read, why."""
        ...

    def close(self) -> None:
        """Gives up the store; the last commit stays."""
        ...

    def get_all(self) -> list[Workspace]:
        """All workspaces by creation time."""
        ...

    def get_by_id(self, id_: str, /) -> Workspace | None:
        """The workspace of this id, or None."""
        ...

    def get_by_name(self, name: str, /) -> Workspace | None:
        """The workspace of this name, compared without case, or None."""
        ...

    def save(self, workspace: Workspace, /) -> Workspace:
        """Commits the workspace in place of what its id held; gives it as stored.

        Raises StorageFailure, or one of domain.errors, such as NameConflict or InvalidField.
        """
        ...

    def remove(self, id_: str, /) -> None:
        """Commits that the id holds nothing; an unknown id is no error. Raises StorageFailure."""
        ...

    def flush(self) -> int:
        """Writes everything anew from memory; gives the revision. Raises StorageFailure."""
        ...


class StoreOperations:
    """The reads and writes of a WorkspaceStore, on top of its `state` and `commit`."""

    state: State

    def commit(
        self, state: State, changes: Sequence[Change] | None, keeps_previous: str | None = None
    ) -> None:
        """See WorkspaceStore."""
        raise NotImplementedError

    def tidy(self) -> None:
        """See WorkspaceStore: a commit that ends all by itself leaves nothing to be done."""

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
        # Of a struct, little is checked when it is made, and what can't be read again must not be written.
        try:
            msgspec.json.decode(encode(workspace), type=Workspace)
        except msgspec.ValidationError as error:
            problem, where = problem_at(error)
            path = f"workspace.{where}" if where else "workspace"
            raise InvalidField(
                path, f"The workspace can't be stored: `{path}` is wrong: {problem}."
            ) from error
        except UnicodeEncodeError as error:
            raise InvalidField("workspace", f"The workspace can't be stored: {error}.") from error
        self._write(workspaces.save(workspace, None))
        return self.state.records[workspace.id].workspace

    def remove(self, id_: str, /) -> None:
        """See WorkspaceStore."""
        self._write(workspaces.remove(id_))

    def flush(self) -> int:
        """See WorkspaceStore."""
        self.commit(self.state, None)
        return self.state.revision

    def _write(self, command: Command) -> None:
        draft = Draft(self.state)
        draft.apply(command(draft))
        if draft.touches_store:
            self.commit(draft.freeze(), draft.changes)
