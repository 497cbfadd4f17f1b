"""The commands on workspaces: create, open, close, update, delete, save, remove."""

from collections.abc import Sequence

from msgspec import structs

from workspaced.domain.commands import (
    Command,
    later,
    removed,
    require_no_sessions,
    require_workspace,
    saved,
)
from workspaced.domain.errors import InvalidField, InvalidState, NameConflict, RevisionConflict, quoted
from workspaced.domain.machines import ALONE, Here
from workspaced.domain.names import check_name, check_root_path, clean_name, clean_root_path
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.domain.tags_and_metadata import (
    Json,
    check_both,
    check_metadata,
    check_patch,
    clean_tags,
    merged,
)
from workspaced_protocol.models import Workspace, WorkspaceState
from workspaced_protocol.names import name_key


def create(
    workspace_id: str,
    name: str,
    root_path: str,
    now_ms: int,
    tags: Sequence[str] | None = None,
    metadata: Json | None = None,
    here: Here = ALONE,
) -> Command:
    """Create an active workspace, whose root path lies on this machine."""
    name, root_path = clean_name(name), clean_root_path(root_path)
    cleaned_tags = clean_tags(tags or ())
    given_metadata = metadata or {}
    check_metadata(given_metadata)

    def command(state: State) -> Outcome:
        require_free_name(state, name, workspace_id)
        workspace = Workspace(
            id=workspace_id,
            name=name,
            root_path=root_path,
            state="active",
            created_at=now_ms,
            updated_at=now_ms,
            tags=cleaned_tags,
            metadata=given_metadata,
            machine=here.mark,
            projects=(),
            revision=state.revision + 1,
        )
        return saved(workspace)

    return command


def open_(workspace_id: str, if_revision: int | None, now_ms: int) -> Command:
    """Open a closed workspace."""
    return _transition(workspace_id, if_revision, now_ms, "closed", "active", "opened")


def close(workspace_id: str, if_revision: int | None, now_ms: int) -> Command:
    """Close an active workspace."""
    return _transition(workspace_id, if_revision, now_ms, "active", "closed", "closed")


def _transition(
    workspace_id: str,
    if_revision: int | None,
    now_ms: int,
    required: WorkspaceState,
    target: WorkspaceState,
    action: str,
) -> Command:
    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state != required:
            raise InvalidState(workspace, required, action)
        changed = structs.replace(
            workspace, state=target, updated_at=later(workspace, now_ms), revision=state.revision + 1
        )
        return saved(changed)

    return command


def update(
    workspace_id: str,
    name: str | None,
    root_path: str | None,
    if_revision: int | None,
    now_ms: int,
    tags: Sequence[str] | None = None,
    metadata: Json | None = None,
    here: Here = ALONE,
) -> Command:
    """Change the name, the root path, all tags, or the metadata by a merge patch. A given root path lies on this machine."""
    if name is None and root_path is None and tags is None and metadata is None:
        raise InvalidField(
            "name",
            "There is nothing to update: give `name`, `rootPath`, `tags` or `metadata`, or several of them.",
        )
    name = None if name is None else clean_name(name)
    root_path = None if root_path is None else clean_root_path(root_path)
    new_tags = None if tags is None else clean_tags(tags)
    if metadata is not None:
        check_patch(metadata)

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state == "deleted":
            raise InvalidState(workspace, "active or closed", "updated")
        if name is not None:
            require_free_name(state, name, workspace_id)
        new_metadata = workspace.metadata
        if metadata is not None:
            new_metadata = merged(new_metadata, metadata)
            check_metadata(new_metadata)
        changed = structs.replace(
            workspace,
            name=workspace.name if name is None else name,
            root_path=workspace.root_path if root_path is None else root_path,
            tags=workspace.tags if new_tags is None else new_tags,
            metadata=new_metadata,
            machine=workspace.machine if root_path is None else here.mark,
            updated_at=later(workspace, now_ms),
            revision=state.revision + 1,
        )
        return saved(changed)

    return command


def delete(workspace_id: str, if_revision: int | None) -> Command:
    """Remove a workspace without active sessions; its name is free again."""

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state == "deleted":
            raise InvalidState(workspace, "active or closed", "deleted")
        require_no_sessions(state, workspace_id)
        return removed(workspace_id)

    return command


def save(
    workspace: Workspace, if_revision: int | None, path: str = "workspace", here: Here = ALONE
) -> Command:
    """Store the workspace as given, under its id; `path` is its path in the client's params.

    A root path without a machine keeps the one that it has in the store, or else lies on this machine.
    """
    check_name(workspace.name, f"{path}.name")
    check_root_path(workspace.root_path, f"{path}.rootPath")
    check_both(workspace, path)
    seen: set[str] = set()
    for index, project in enumerate(workspace.projects):
        if project.id in seen:
            raise InvalidField(
                f"{path}.projects[{index}].id", f"Project {project.id} is listed twice: leave one out."
            )
        seen.add(project.id)

    def command(state: State) -> Outcome:
        current = state.get(workspace.id)
        if if_revision is not None:
            revision = current.revision if current else 0
            if if_revision != revision:
                raise RevisionConflict(f"Workspace {quoted(workspace.name)}", if_revision, revision)
        if workspace.state != "deleted":
            require_free_name(state, workspace.name, workspace.id)
        elif current is not None:
            require_no_sessions(state, workspace.id)
        stored = structs.replace(here.marked(workspace, current), revision=state.revision + 1)
        return saved(stored)

    return command


def remove(workspace_id: str) -> Command:
    """Remove the workspace of this id, if there is one."""

    def command(state: State) -> Outcome:
        if state.get(workspace_id) is None:
            return Outcome(None)
        require_no_sessions(state, workspace_id)
        return removed(workspace_id)

    return command


def _require_revision(workspace: Workspace, if_revision: int | None) -> None:
    if if_revision is not None and if_revision != workspace.revision:
        raise RevisionConflict(f"Workspace {quoted(workspace.name)}", if_revision, workspace.revision)


def require_free_name(state: State, name: str, own_id: str, advice: str = "choose another") -> None:
    """Raise NameConflict where another workspace has this name."""
    holder = state.get_by_name(name)
    if holder is None or holder.id == own_id:
        return
    own = state.get(own_id)
    if own is not None and own.state != "deleted" and name_key(own.name) == name_key(name):
        return  # an older app's store has the name twice: both workspaces may keep it
    raise NameConflict(name, holder, advice)
