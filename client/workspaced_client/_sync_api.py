"""What a connected client can ask of the daemon, in five groups: workspaces, projects, sessions, store, daemon.

`_sync_api.py` is made from `_async_api.py` by `client/unasync.py`: change the latter, then run it.

Every method raises `workspaced_client.errors.NotResponding`, `ConnectionLost` or `BadAnswer` where no
answer came to go by; the errors that the daemon answers with are named at each.
"""
# ruff: noqa: A002 - an id is called `id` in the protocol, and so in the keyword arguments here

import builtins
import os
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol, TypeVar, cast

from workspaced_client._protocol import OnProgress, greeting
from workspaced_protocol import params as p
from workspaced_protocol.models import (
    Backup,
    Change,
    ConnectedClient,
    DaemonStatus,
    Hello,
    Salvage,
    Session,
    StoreCheck,
    StoreDifference,
    StoreRevision,
    Workspace,
    WorkspaceState,
)

T = TypeVar("T")

CLONE_TIMEOUT_SECONDS: Final = 180.0
"""The daemon ends a clone after its `git_timeout_seconds`, 120 unless set otherwise; the rest is for clearing
away, and for binding. Where the daemon's is set to more, a caller gives more too."""

_NOTHING = type(None)
# Types have no type that spells these (PEP 747 will): the casts say what a decoder makes of them.
_MAYBE_WORKSPACE = cast("type[Workspace | None]", Workspace | None)
_PONG = cast("type[str]", Literal["pong"])


class Request(Protocol):
    """Sends one call and gives its result as the given type."""

    def __call__(
        self,
        method: str,
        params: p.Params,
        result: type[T],
        /,
        *,
        timeout_seconds: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> T: ...


class Workspaces:
    """The lifecycle of workspaces: create, open, close, update, delete, and looking them up.

    `if_revision` makes a write conditional: it is refused with RevisionConflict unless the
    workspace's `revision` is this one still, as it was read.

    Any write can also raise WriteTimeout, StorageFailure, Overloaded or ShuttingDown (it was not
    applied) or CommitUnknown (it may have been).
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    def create(self, name: str, root_path: str | os.PathLike[str]) -> Workspace:
        """Creates an active workspace.

        `root_path` must be absolute. Raises NameConflict where the name is taken (compared without
        case), InvalidParams for a blank name or a relative path.
        """
        params = p.CreateParams(name=name, root_path=os.fspath(root_path))
        return self._request("workspace.create", params, Workspace)

    def open(self, id: str, *, if_revision: int | None = None) -> Workspace:
        """Opens a closed workspace; its projects are checked, and those not reachable become stale.

        Raises NotFound, InvalidState, RevisionConflict.
        """
        params = p.TransitionParams(id=id, if_revision=if_revision)
        return self._request("workspace.open", params, Workspace)

    def close(self, id: str, *, if_revision: int | None = None) -> Workspace:
        """Closes an active workspace. Raises NotFound, InvalidState, RevisionConflict."""
        params = p.TransitionParams(id=id, if_revision=if_revision)
        return self._request("workspace.close", params, Workspace)

    def update(
        self,
        id: str,
        *,
        name: str | None = None,
        root_path: str | os.PathLike[str] | None = None,
        if_revision: int | None = None,
    ) -> Workspace:
        """Gives a workspace another name, or another root path, or both.

        Raises NotFound, NameConflict, InvalidState, RevisionConflict, InvalidParams.
        """
        path = None if root_path is None else os.fspath(root_path)
        params = p.UpdateParams(id=id, name=name, root_path=path, if_revision=if_revision)
        return self._request("workspace.update", params, Workspace)

    def delete(self, id: str, *, if_revision: int | None = None) -> None:
        """Deletes a workspace; its name is free again.

        Raises ActiveSessions while a session is active in it, NotFound, InvalidState,
        RevisionConflict.
        """
        self._request("workspace.delete", p.TransitionParams(id=id, if_revision=if_revision), _NOTHING)

    def get(self, id: str | None = None, *, name: str | None = None) -> Workspace:
        """The workspace of an id or of a name (compared without case): give one of the two.

        Raises NotFound, where `client.store.get_by_id` and `get_by_name` give None; ValueError for
        neither or both.
        """
        return self._request("workspace.get", p.GetParams(id=id, name=name), Workspace)

    def list(self, state: WorkspaceState | None = None) -> builtins.list[Workspace]:
        """The workspaces by creation time: all, or those in one state."""
        return self._request("workspace.list", p.ListParams(state=state), list[Workspace])


class Projects:
    """The projects bound to workspaces: directories, and clones of git repositories.

    Writes can raise what those of `Workspaces` can.
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    def bind(self, workspace_id: str, root_path: str | os.PathLike[str]) -> Workspace:
        """Binds a directory: an absolute path, whose symbolic links are resolved.

        Raises NotFound, InvalidState, PathUnreachable, or DuplicateProject where it is bound already.
        """
        params = p.BindParams(workspace_id=workspace_id, root_path=os.fspath(root_path))
        return self._request("project.bind", params, Workspace)

    def clone(
        self,
        workspace_id: str,
        git_url: str,
        target_dir: str | os.PathLike[str] | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout_seconds: float = CLONE_TIMEOUT_SECONDS,
    ) -> Workspace:
        """Has the daemon clone a repository by the system's git, and binds the clone.

        `target_dir` is an absolute path where nothing is yet, or an empty directory; without it, the
        repository's name below the workspace's root. `on_progress` is called with a
        `Progress`, at most ten times a second, where the call waits. A call
        that is given up (the timeout, a cancellation, an interrupt, an error out of `on_progress`)
        ends git, and what it had written is removed.

        Raises NotFound, InvalidState, InvalidParams for a URL or a target that can't be,
        PathUnreachable, DuplicateProject, GitUnavailable, GitFailed with git's own words, GitTimeout.
        """
        target = None if target_dir is None else os.fspath(target_dir)
        params = p.CloneParams(workspace_id=workspace_id, git_url=git_url, target_dir=target)
        return self._request(
            "project.clone", params, Workspace, timeout_seconds=timeout_seconds, on_progress=on_progress
        )

    def unbind(self, workspace_id: str, project_id: str) -> Workspace:
        """Unbinds a project; its directory stays. Raises NotFound, InvalidState."""
        params = p.UnbindParams(workspace_id=workspace_id, project_id=project_id)
        return self._request("project.unbind", params, Workspace)

    def check(self, workspace_id: str) -> Workspace:
        """Looks whether each project's directory can be reached, and notes it. Raises NotFound."""
        params = p.CheckProjectsParams(workspace_id=workspace_id)
        return self._request("project.check", params, Workspace)


class Sessions:
    """Sessions: who is at work in a workspace. One ends with the connection that began it."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def begin(self, workspace_id: str, *, label: str | None = None) -> Session:
        """Begins a session in an active workspace, which can't be deleted while it lasts.

        `label` is for people. Raises NotFound, InvalidState.
        """
        params = p.BeginSessionParams(workspace_id=workspace_id, label=label)
        return self._request("session.begin", params, Session)

    def end(self, id: str) -> None:
        """Ends a session that this client began. Raises NotFound."""
        self._request("session.end", p.EndSessionParams(id=id), _NOTHING)

    def list(self, workspace_id: str | None = None) -> builtins.list[Session]:
        """The sessions of all clients by start time: all, or those in one workspace."""
        params = p.ListSessionsParams(workspace_id=workspace_id)
        return self._request("session.list", params, list[Session])


class Store:
    """The store of workspaces as it is, without the lifecycle's rules.

    Its six methods `get_all`, `get_by_id`, `get_by_name`, `save`, `remove` and `flush` are those of a
    workspace store, so that an app can put this in the place of its own. Writes can raise what
    `workspaces` lists for any write.
    """

    def __init__(self, request: Request) -> None:
        self._request = request

    def get_all(self) -> list[Workspace]:
        """All workspaces by creation time."""
        return self._request("store.getAll", p.NoParams(), list[Workspace])

    def get_by_id(self, id: str) -> Workspace | None:
        """The workspace of this id, or None."""
        return self._request("store.getById", p.ByIdParams(id=id), _MAYBE_WORKSPACE)

    def get_by_name(self, name: str) -> Workspace | None:
        """The workspace of this name, compared without case, or None."""
        return self._request("store.getByName", p.ByNameParams(name=name), _MAYBE_WORKSPACE)

    def save(self, workspace: Workspace, *, if_revision: int | None = None) -> Workspace:
        """Puts a workspace in place, new or over the one of its id, and gives it as stored.

        Every field is kept as given, but for `revision`, which the store sets. Raises NameConflict,
        ActiveSessions for a state of deleted while sessions last, RevisionConflict, InvalidParams.
        """
        params = p.SaveParams(workspace=workspace, if_revision=if_revision)
        return self._request("store.save", params, Workspace)

    def remove(self, id: str) -> None:
        """Takes a workspace out; an unknown id is no error. Raises ActiveSessions."""
        self._request("store.remove", p.RemoveParams(id=id), _NOTHING)

    def flush(self) -> int:
        """Has both of the store's files written anew from memory; gives the store's revision."""
        return self._request("store.flush", p.WriteParams(), StoreRevision).revision

    def apply(self, changes: Sequence[Change], *, if_revision: int | None = None) -> int:
        """Saves and removes several workspaces in one commit, all or none; gives the store's revision.

        `if_revision` is the store's here. Raises NameConflict, ActiveSessions, RevisionConflict,
        InvalidParams.
        """
        params = p.ApplyParams(changes=tuple(changes), if_revision=if_revision)
        return self._request("store.apply", params, StoreRevision).revision

    def check(self) -> StoreCheck:
        """Has the store's two files read and verified as they are on the disk now."""
        return self._request("store.check", p.NoParams(), StoreCheck)

    def backup(self, path: str | os.PathLike[str] | None = None) -> Backup:
        """Has a verified copy of the store made: at an absolute path, or among the daemon's backups.

        Raises InvalidParams for a path that can't be written to, StorageFailure.
        """
        params = p.BackupParams(path=None if path is None else os.fspath(path))
        return self._request("store.backup", params, Backup)

    def list_backups(self) -> list[Backup]:
        """The daemon's backups, the newest first."""
        return self._request("store.listBackups", p.NoParams(), list[Backup])

    def preview_restore(self, source: str | os.PathLike[str]) -> StoreDifference:
        """What `restore` would change. `source` is a backup's name or a file's absolute path.

        Raises InvalidParams where that is no store that can be read.
        """
        params = p.BackupSourceParams(source=os.fspath(source))
        return self._request("store.previewRestore", params, StoreDifference)

    def restore(self, source: str | os.PathLike[str], *, if_revision: int | None = None) -> int:
        """Makes the store what a backup or a file holds, in one commit; gives the store's revision.

        What it held before is kept in quarantine. `if_revision` is the store's. Raises
        ActiveSessions, RevisionConflict, InvalidParams.
        """
        params = p.RestoreParams(source=os.fspath(source), if_revision=if_revision)
        return self._request("store.restore", params, StoreRevision).revision

    def salvage(self) -> Salvage:
        """The workspaces that stand whole in the files that the last recovery set aside."""
        return self._request("store.salvage", p.NoParams(), Salvage)

    def acknowledge_recovery(self) -> None:
        """Clears the notice of a recovery or a data loss: the user has been told."""
        self._request("store.acknowledgeRecovery", p.WriteParams(), _NOTHING)


class Daemon:
    """The daemon itself: who it is, whether it is there, how it fares."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def hello(self) -> Hello:
        """Tells this program's name and protocol; gives the daemon's. Raises ProtocolUnsupported."""
        return self._request("daemon.hello", greeting(), Hello)

    def ping(self) -> None:
        """Returns once the daemon has answered."""
        self._request("daemon.ping", p.NoParams(), _PONG)

    def status(self) -> DaemonStatus:
        """What the daemon serves, what its start found, and whether writes succeed."""
        return self._request("daemon.status", p.NoParams(), DaemonStatus)

    def clients(self) -> list[ConnectedClient]:
        """Who is connected, and what of their requests is in flight; the oldest connection first."""
        return self._request("daemon.clients", p.NoParams(), list[ConnectedClient])

    def discover(self) -> dict[str, Any]:
        """The daemon's methods, params, results and errors as an OpenRPC 1.3 document, in plain values."""
        return self._request("rpc.discover", p.NoParams(), dict[str, Any])
