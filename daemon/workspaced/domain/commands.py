"""The writes, as pure functions of the state: each gives its outcome or raises what refuses it.

A command is made when the request arrives (with its ids and its time) and runs when its turn
comes, inside the writer, against the state that all earlier writes have made. So each check
and the change that relies on it see the same state.
"""

from collections.abc import Callable
from dataclasses import replace

from msgspec import structs

from workspaced.domain.errors import (
    ActiveSessions,
    InvalidField,
    InvalidState,
    NameConflict,
    NotFound,
    RevisionConflict,
)
from workspaced.domain.names import check_name, check_root_path
from workspaced.domain.state import Event, Outcome, State
from workspaced_protocol.events import Topic, WorkspaceChanged, WorkspaceCreated
from workspaced_protocol.models import (
    Change,
    StoreRevision,
    Workspace,
    WorkspaceState,
)
from workspaced_protocol.names import name_key

Command = Callable[[State], Outcome]


def once(request_key: str | None, command: Command, repeat: Command | None = None) -> Command:
    """`command`, applied once for this key: a repeat changes nothing.

    The repeat is answered by `repeat`, or with the workspace that the key is about as it is now.
    """
    if request_key is None:
        return command

    def keyed(state: State) -> Outcome:
        if request_key in state.request_keys:
            if repeat is not None:
                return repeat(state)
            workspace_id = state.request_keys[request_key]
            return Outcome(state.get(workspace_id) if workspace_id else None)
        outcome = replace(command(state), request_key=(request_key, None))
        if not outcome.changes and isinstance(outcome.result, StoreRevision):
            # To remember the key is a change of the store, too.
            return replace(outcome, result=StoreRevision(state.revision + 1))
        return replace(outcome, request_key=(request_key, _subject(outcome)))

    return keyed


def _subject(outcome: Outcome) -> str | None:
    """The workspace that an outcome is about, where it is about one."""
    ids = {change.save.id if change.save else change.remove for change in outcome.changes}
    return ids.pop() if len(ids) == 1 else None


def create(workspace_id: str, name: str, root_path: str, now_ms: int) -> Command:
    """A new active workspace."""
    check_name(name)
    check_root_path(root_path)

    def command(state: State) -> Outcome:
        _require_free_name(state, name, workspace_id)
        workspace = Workspace(
            id=workspace_id,
            name=name,
            root_path=root_path,
            state="active",
            created_at=now_ms,
            updated_at=now_ms,
            projects=(),
            revision=state.revision + 1,
        )
        return saved(workspace, creation_event(workspace))

    return command


def open_(workspace_id: str, if_revision: int | None, now_ms: int) -> Command:
    """A closed workspace becomes active."""
    return _transition(workspace_id, if_revision, now_ms, "closed", "active", "workspace.opened", "opened")


def close(workspace_id: str, if_revision: int | None, now_ms: int) -> Command:
    """An active workspace becomes closed."""
    return _transition(workspace_id, if_revision, now_ms, "active", "closed", "workspace.closed", "closed")


def _transition(
    workspace_id: str,
    if_revision: int | None,
    now_ms: int,
    required: WorkspaceState,
    target: WorkspaceState,
    topic: Topic,
    deed: str,
) -> Command:
    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state != required:
            raise InvalidState(workspace, required, deed)
        changed = structs.replace(
            workspace, state=target, updated_at=later(workspace, now_ms), revision=state.revision + 1
        )
        return saved(changed, change_event(topic, changed.id, changed.revision))

    return command


def update(
    workspace_id: str, name: str | None, root_path: str | None, if_revision: int | None, now_ms: int
) -> Command:
    """Another name, another root path, or both."""
    if name is None and root_path is None:
        raise InvalidField("name", "There is nothing to update: give `name`, `rootPath` or both.")
    if name is not None:
        check_name(name)
    if root_path is not None:
        check_root_path(root_path)

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state == "deleted":
            raise InvalidState(workspace, "active or closed", "updated")
        if name is not None:
            _require_free_name(state, name, workspace_id)
        changed = structs.replace(
            workspace,
            name=workspace.name if name is None else name,
            root_path=workspace.root_path if root_path is None else root_path,
            updated_at=later(workspace, now_ms),
            revision=state.revision + 1,
        )
        return saved(changed, change_event("workspace.updated", changed.id, changed.revision))

    return command


def delete(workspace_id: str, if_revision: int | None) -> Command:
    """The workspace is gone, and its name free; not while sessions are active in it."""

    def command(state: State) -> Outcome:
        workspace = require_workspace(state, workspace_id)
        _require_revision(workspace, if_revision)
        if workspace.state == "deleted":
            raise InvalidState(workspace, "active or closed", "deleted")
        require_no_sessions(state, workspace_id)
        return removed(state, workspace_id)

    return command


def save(workspace: Workspace, if_revision: int | None, path: str = "workspace") -> Command:
    """The workspace as it is given, in place of what its id held; `path` is where the client wrote it."""
    check_name(workspace.name, f"{path}.name")
    check_root_path(workspace.root_path, f"{path}.rootPath")
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
                raise RevisionConflict(f"Workspace “{workspace.name}”", if_revision, revision)
        if workspace.state != "deleted":
            _require_free_name(state, workspace.name, workspace.id)
        elif current is not None:
            require_no_sessions(state, workspace.id)
        stored = structs.replace(workspace, revision=state.revision + 1)
        if current is None:
            return saved(stored, creation_event(stored))
        return saved(stored, change_event("workspace.updated", stored.id, stored.revision))

    return command


def remove(workspace_id: str) -> Command:
    """The id holds nothing afterwards, whatever it held."""

    def command(state: State) -> Outcome:
        if state.get(workspace_id) is None:
            return Outcome(None)
        require_no_sessions(state, workspace_id)
        return removed(state, workspace_id)

    return command


def require_workspace(state: State, workspace_id: str) -> Workspace:
    """The workspace of this id, or NotFound."""
    workspace = state.get(workspace_id)
    if workspace is None:
        raise NotFound(f"There is no workspace {workspace_id}.", id=workspace_id)
    return workspace


def _require_revision(workspace: Workspace, if_revision: int | None) -> None:
    if if_revision is not None and if_revision != workspace.revision:
        raise RevisionConflict(f"Workspace “{workspace.name}”", if_revision, workspace.revision)


def require_no_sessions(state: State, workspace_id: str) -> None:
    """Refuses while apps work in the workspace."""
    if count := state.session_count(workspace_id):
        raise ActiveSessions(require_workspace(state, workspace_id), count)


def _require_free_name(state: State, name: str, own_id: str) -> None:
    key = name_key(name)
    holder = state.names.get(key)
    if holder is None or holder == own_id:
        return
    own = state.get(own_id)
    if own is not None and own.state != "deleted" and name_key(own.name) == key:
        return  # an older app's store held the name twice: what is so may stay so
    raise NameConflict(name, holder)


def later(workspace: Workspace, now_ms: int) -> int:
    """Now, but never before the last change: the clock may have stepped back."""
    return max(workspace.updated_at, now_ms)


def saved(workspace: Workspace, event: Event) -> Outcome:
    """The outcome that stores this workspace."""
    return Outcome(workspace, changes=(Change(save=workspace),), events=(event,))


def removed(state: State, workspace_id: str) -> Outcome:
    """The outcome that takes this workspace out of the store."""
    event = change_event("workspace.deleted", workspace_id, state.revision + 1)
    return Outcome(None, changes=(Change(remove=workspace_id),), events=(event,))


def creation_event(workspace: Workspace) -> Event:
    """Tells that the workspace is new."""
    payload = WorkspaceCreated(workspace.id, workspace.name, workspace.root_path)
    return Event("workspace.created", payload, workspace.revision)


def change_event(topic: Topic, workspace_id: str, revision: int) -> Event:
    """Tells what became of the workspace."""
    return Event(topic, WorkspaceChanged(workspace_id), revision)
