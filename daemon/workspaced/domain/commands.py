"""What a command is, and what the commands on workspaces, projects, sessions and the whole store share.

A command is a write as a pure function of the state: it gives its outcome, or raises what refuses it. It is made
when the request arrives (with its ids and its time) and runs when its turn comes, inside the writer, against the
state that all earlier writes have made. So each check and the change that relies on it see the same state.
"""

from collections.abc import Callable
from dataclasses import replace

from workspaced.domain.errors import ActiveSessions, NotFound
from workspaced.domain.state import Event, Outcome, State
from workspaced_protocol.events import Topic, WorkspaceChanged, WorkspaceCreated
from workspaced_protocol.models import Change, StoreRevision, Workspace

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


def require_workspace(state: State, workspace_id: str) -> Workspace:
    """The workspace of this id, or NotFound."""
    workspace = state.get(workspace_id)
    if workspace is None:
        raise NotFound(f"There is no workspace {workspace_id}.", id=workspace_id)
    return workspace


def require_no_sessions(state: State, workspace_id: str) -> None:
    """Refuses while apps work in the workspace."""
    if count := state.session_count(workspace_id):
        raise ActiveSessions(require_workspace(state, workspace_id), count)


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
