"""The methods of a connected client, in groups: workspaces, history, projects, sessions, daemon; `store_api` has the store.

Every method can raise `workspaced_client.errors.NotResponding`, `ConnectionLost` or `BadAnswer`, for want of
a usable answer. The errors that the daemon answers with are named at each.
"""
# ruff: noqa: A002 - the protocol calls an id `id`, and so do the keyword arguments here

import builtins
import os
from collections.abc import Iterable
from typing import Any, Literal, cast

from workspaced_client._core.conversation import OnProgress
from workspaced_client._core.durations import CLONE_TIMEOUT_SECONDS
from workspaced_client._core.hello import greeting
from workspaced_client._core.json_values import items_value, path_value
from workspaced_protocol import params as p
from workspaced_protocol.daemon_models import ConnectedClient, DaemonStatus, Hello
from workspaced_protocol.models import (
    HistoryEntry,
    ResolvedPath,
    Session,
    Workspace,
    WorkspaceSort,
    WorkspaceState,
    WorkspaceUsage,
)

from .request import NOTHING, AsyncRequest

# The type system has no form for this type yet (PEP 747): the cast states the decoder's result.
_PONG = cast("type[str]", Literal["pong"])
_MAYBE_WORKSPACE = cast("type[Workspace | None]", Workspace | None)


class AsyncWorkspaces:
    """The lifecycle of workspaces: create, open, close, update, delete, look up; and their use.

    `if_revision` makes a write conditional: the daemon refuses it with RevisionConflict unless the
    workspace still has this `revision`.

    Any write can also raise WriteTimeout, StorageFailure, Overloaded or ShuttingDown (it was not
    applied) or CommitUnknown (it may have been).
    """

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def create(
        self,
        name: str,
        root_path: str | os.PathLike[str],
        *,
        tags: Iterable[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Workspace:
        """Create an active workspace.

        `root_path` must be absolute. `tags` are sorted, and those that differ only in case become one. `metadata` is
        a JSON object that apps share; give its keys the form `app.key`. Raises NameConflict if the name is taken
        (compared without case), InvalidParams for a blank name, a relative path, or tags or metadata over a limit.
        """
        params = p.CreateParams(
            name=name, root_path=path_value(root_path), tags=items_value(tags), metadata=metadata
        )
        return await self._request("workspace.create", params, Workspace)

    async def open(self, id: str, *, if_revision: int | None = None) -> Workspace:
        """Open a closed workspace; its projects are checked, and unreachable ones become stale.

        Raises NotFound, InvalidState, RevisionConflict.
        """
        params = p.TransitionParams(id=id, if_revision=if_revision)
        return await self._request("workspace.open", params, Workspace)

    async def close(self, id: str, *, if_revision: int | None = None) -> Workspace:
        """Close an active workspace. Raises NotFound, InvalidState, RevisionConflict."""
        params = p.TransitionParams(id=id, if_revision=if_revision)
        return await self._request("workspace.close", params, Workspace)

    async def update(
        self,
        id: str,
        *,
        name: str | None = None,
        root_path: str | os.PathLike[str] | None = None,
        if_revision: int | None = None,
        tags: Iterable[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Workspace:
        """Change the name of a workspace, its root path, its tags or its metadata.

        `tags` replaces all tags, so an empty list takes them away. `metadata` is merged into what is there (RFC
        7386): the keys that it holds are changed, also in nested objects, and None takes a key out. Raises
        NotFound, NameConflict, InvalidState, RevisionConflict, InvalidParams.
        """
        path = None if root_path is None else path_value(root_path)
        params = p.UpdateParams(
            id=id,
            name=name,
            root_path=path,
            if_revision=if_revision,
            tags=items_value(tags),
            metadata=metadata,
        )
        return await self._request("workspace.update", params, Workspace)

    async def delete(self, id: str, *, if_revision: int | None = None) -> None:
        """Delete a workspace; its name is free again.

        Raises ActiveSessions while a session is active in it, NotFound, InvalidState,
        RevisionConflict.
        """
        await self._request("workspace.delete", p.TransitionParams(id=id, if_revision=if_revision), NOTHING)

    async def get(self, id: str | None = None, *, name: str | None = None) -> Workspace:
        """Return the workspace of an id or of a name (compared without case): pass one of the two.

        Raises NotFound, unlike `client.store.get_by_id` and `get_by_name`, which return None; ValueError
        for neither or both.
        """
        return await self._request("workspace.get", p.GetParams(id=id, name=name), Workspace)

    async def list(
        self,
        state: WorkspaceState | None = None,
        *,
        tags: Iterable[str] | None = None,
        sort: WorkspaceSort | None = None,
        limit: int | None = None,
    ) -> builtins.list[Workspace]:
        """Return all workspaces, or the ones in a state and with all of some `tags` (compared without case).

        `sort` is `created` (the default), `name` (without case) or `recent` (the last used first); `limit` is the
        largest number of them.
        """
        params = p.ListParams(state=state, tags=items_value(tags), sort=sort, limit=limit)
        return await self._request("workspace.list", params, list[Workspace])

    async def resolve(self, path: str | os.PathLike[str]) -> ResolvedPath:
        """Return the innermost workspace or project that holds an absolute path, which need not exist.

        Raises NotFound if none does; InvalidParams for a relative path; Overloaded if too many paths do not respond.
        """
        return await self._request("workspace.resolve", p.ResolveParams(path=path_value(path)), ResolvedPath)

    async def touch(self, id: str) -> None:
        """Note that a workspace was used just now; `open` and `sessions.begin` do so themselves. Raises NotFound."""
        await self._request("workspace.touch", p.TouchParams(id=id), NOTHING)

    async def usage(self) -> builtins.list[WorkspaceUsage]:
        """Return when workspaces were last used, those first that are used most often and most recently."""
        return await self._request("workspace.usage", p.NoParams(), list[WorkspaceUsage])


class AsyncHistory:
    """The changes of all workspaces: who made each, the workspace before and after it, and the way back."""

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def list(
        self, workspace_id: str | None = None, *, before: int | None = None, limit: int | None = None
    ) -> builtins.list[HistoryEntry]:
        """Return the changes of all workspaces or of one, newest first: 50, or at most `limit` (1,000).

        `before` is a revision: the changes are those below it. So the next page begins before the last entry's.
        """
        params = p.HistoryParams(workspace_id=workspace_id, before=before, limit=limit)
        return await self._request("history.list", params, list[HistoryEntry])

    async def undo(self, revision: int, *, if_revision: int | None = None) -> Workspace | None:
        """Make a workspace what it was before the change of this revision; return None if it was not there.

        This is a change of its own, and can be undone. `if_revision` is the workspace's revision, or that of its
        removal. Raises NotFound where the history does not reach that far, RevisionConflict where the workspace was
        changed again, NameConflict where its name is taken by now, ActiveSessions.
        """
        params = p.UndoParams(revision=revision, if_revision=if_revision)
        return await self._request("history.undo", params, _MAYBE_WORKSPACE)


class AsyncProjects:
    """The projects bound to workspaces: directories, and clones of git repositories.

    Writes can also raise the errors of any write: see `AsyncWorkspaces`.
    """

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def bind(self, workspace_id: str, root_path: str | os.PathLike[str]) -> Workspace:
        """Bind a directory: an absolute path, whose symbolic links are resolved.

        Raises NotFound, InvalidState, PathUnreachable, or DuplicateProject if it is already bound.
        """
        params = p.BindParams(workspace_id=workspace_id, root_path=path_value(root_path))
        return await self._request("project.bind", params, Workspace)

    async def clone(
        self,
        workspace_id: str,
        git_url: str,
        target_dir: str | os.PathLike[str] | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout_seconds: float = CLONE_TIMEOUT_SECONDS,
    ) -> Workspace:
        """Have the daemon clone a repository by the system's git, and bind the clone.

        `target_dir` is an absolute path: of nothing yet, or of an empty directory. The default is the
        repository's name below the workspace's root. The waiting call calls `on_progress` with a
        `Progress`, at most ten times a second. Giving the call up (the timeout, a cancellation, an
        interrupt, an error of `on_progress`) ends git and removes its files.

        Raises NotFound, InvalidState, InvalidParams for an impossible URL or target, PathUnreachable,
        DuplicateProject, GitUnavailable, GitFailed with git's own words, GitTimeout.
        """
        target = None if target_dir is None else path_value(target_dir)
        params = p.CloneParams(workspace_id=workspace_id, git_url=git_url, target_dir=target)
        return await self._request(
            "project.clone", params, Workspace, timeout_seconds=timeout_seconds, on_progress=on_progress
        )

    async def unbind(self, workspace_id: str, project_id: str) -> Workspace:
        """Unbind a project; its directory stays. Raises NotFound, InvalidState."""
        params = p.UnbindParams(workspace_id=workspace_id, project_id=project_id)
        return await self._request("project.unbind", params, Workspace)

    async def check(self, workspace_id: str) -> Workspace:
        """Check whether each project's directory can be reached, and record the result. Raises NotFound."""
        params = p.CheckProjectsParams(workspace_id=workspace_id)
        return await self._request("project.check", params, Workspace)


class AsyncSessions:
    """Sessions mark a program as at work in a workspace. A session ends with the connection that began it."""

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def begin(self, workspace_id: str, *, label: str | None = None, exclusive: bool = False) -> Session:
        """Begin a session in an active workspace, which can't be deleted while it lasts.

        `label` is for people. A workspace has one `exclusive` session at a time; others may go on beside it. Raises
        NotFound, InvalidState, or Claimed, which has the exclusive session that is there.
        """
        params = p.BeginSessionParams(workspace_id=workspace_id, label=label, exclusive=exclusive or None)
        return await self._request("session.begin", params, Session)

    async def end(self, id: str) -> None:
        """End a session that this client began. Raises NotFound."""
        await self._request("session.end", p.EndSessionParams(id=id), NOTHING)

    async def list(self, workspace_id: str | None = None) -> builtins.list[Session]:
        """Return the sessions of all clients by start time: all, or the ones in one workspace."""
        params = p.ListSessionsParams(workspace_id=workspace_id)
        return await self._request("session.list", params, list[Session])


class AsyncDaemon:
    """The daemon itself: its identity, its health, its clients."""

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def hello(self) -> Hello:
        """Send this program's name and protocol; return the daemon's. Raises ProtocolUnsupported."""
        return await self._request("daemon.hello", greeting(), Hello)

    async def ping(self) -> None:
        """Return once the daemon has answered."""
        await self._request("daemon.ping", p.NoParams(), _PONG)

    async def status(self) -> DaemonStatus:
        """Return the daemon's paths and figures, the findings of its start, and whether writes succeed."""
        return await self._request("daemon.status", p.NoParams(), DaemonStatus)

    async def clients(self) -> list[ConnectedClient]:
        """Return the connected clients and their requests in flight, the oldest connection first."""
        return await self._request("daemon.clients", p.NoParams(), list[ConnectedClient])

    async def discover(self) -> dict[str, Any]:
        """Return the methods, params, results and errors as an OpenRPC 1.3 document, in plain values."""
        return await self._request("rpc.discover", p.NoParams(), dict[str, Any])
