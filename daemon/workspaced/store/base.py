"""The part that stores have in common: reads and single writes, on top of a store's `state` and `commit`."""

import errno
from collections.abc import Callable
from dataclasses import replace

import msgspec

from workspaced.domain import workspaces
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command
from workspaced.domain.draft import Draft
from workspaced.domain.entries import Cause
from workspaced.domain.errors import InvalidField
from workspaced.domain.records import encode
from workspaced.domain.state import State
from workspaced.domain.tags_and_metadata import check_both
from workspaced.store.contract import Commit, News, Outage, StorageFailure, commit_of
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.models import Workspace
from workspaced_protocol.problems import problem_at


class StoreBase:
    """The reads and writes of a WorkspaceStore, on top of its `state` and `commit`."""

    state: State
    machine: str | None = None
    """The name that other machines know this one by; None where none shares the store."""

    @property
    def shares_sessions(self) -> bool:
        """See WorkspaceStore. By default sessions are this daemon's alone."""
        return False

    @property
    def outage(self) -> Outage | None:
        """See WorkspaceStore. By default nothing is told between commits."""
        return None

    def has_room(self, draft: Draft, /) -> bool:
        """See WorkspaceStore. By default a commit holds everything."""
        return True

    def _own(self, commit: Commit) -> Commit:
        """Return the commit with this store's id, which no commit changes. Raises StorageFailure."""
        if commit.state.revision > MAX_SAFE_INTEGER:
            # Only data from another program can bring the revision near the limit. Above it, the store could not be
            # read again.
            limit = f"The store's revision can't rise above {MAX_SAFE_INTEGER:,}."
            raise StorageFailure(limit, errno.EOVERFLOW)
        if commit.state.store_id == self.state.store_id:
            return commit
        return replace(commit, state=replace(commit.state, store_id=self.state.store_id))

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore."""
        raise NotImplementedError

    def listen(self, wake: Callable[[], None], /) -> None:
        """See WorkspaceStore. By default nobody else commits."""

    def take_news(self) -> News | None:
        """See WorkspaceStore. By default there are none."""
        return None

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
        self.commit(Commit(self.state, is_whole=True))
        return self.state.revision

    def _write(self, method: str, command: Command) -> None:
        draft = Draft(self.state)
        draft.apply(command(draft), Cause("", method=method), now_ms())
        if draft.touches_store:
            self.commit(commit_of(draft))
