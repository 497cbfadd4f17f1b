"""The command type, and the functions that all commands share.

A command is a write as a pure function of the state: it returns its outcome, or raises a RequestError. It is made
when the request arrives (with its ids and its time). The writer runs it later, on the state that all earlier
writes have left. So each check and the change that relies on it see the same state.
"""

from collections.abc import Callable

from msgspec.structs import replace

from workspaced.domain.errors import ActiveSessions, NotFound
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced_protocol.models import Change, StoreRevision, Workspace

Command = Callable[[State], Outcome]


def once(request_key: str | None, command: Command, repeat: Command | None = None) -> Command:
    """Return `command` such that it is applied once for this key: a repeat changes nothing.

    A repeat returns the outcome of `repeat`, or, without one, the current version of the key's workspace.
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
            # Storing the key takes a revision too.
            return replace(outcome, result=StoreRevision(state.revision + 1))
        return replace(outcome, request_key=(request_key, _changed_workspace_id(outcome)))

    return keyed


def _changed_workspace_id(outcome: Outcome) -> str | None:
    """Return the id of the only workspace that the outcome changes, or None."""
    ids = {change.save.id if change.save else change.remove for change in outcome.changes}
    return ids.pop() if len(ids) == 1 else None


def require_workspace(state: State, workspace_id: str) -> Workspace:
    """Return the workspace of this id. Raise NotFound without one."""
    workspace = state.get(workspace_id)
    if workspace is None:
        raise NotFound.workspace(workspace_id)
    return workspace


def require_no_sessions(state: State, workspace_id: str) -> None:
    """Raise ActiveSessions while the workspace has active sessions."""
    if active := state.sessions.of_workspace(workspace_id):
        raise ActiveSessions(require_workspace(state, workspace_id), active)


def later(workspace: Workspace, now_ms: int) -> int:
    """Return `now_ms`, but never a time before the last change: the clock may have stepped back."""
    return max(workspace.updated_at, now_ms)


def saved(workspace: Workspace) -> Outcome:
    """Return the outcome that stores this workspace."""
    return Outcome(workspace, changes=(Change(save=workspace),))


def removed(workspace_id: str) -> Outcome:
    """Return the outcome that removes this workspace from the store."""
    return Outcome(None, changes=(Change(remove=workspace_id),))
