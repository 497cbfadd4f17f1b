"""The command that undoes a change: it makes the workspace what it was before, as a change of its own."""

from msgspec import DecodeError, json, structs

from workspaced.domain.commands import Command, later, removed, require_no_sessions, saved
from workspaced.domain.entries import Entry
from workspaced.domain.errors import ChangedSince, NotFound, RevisionConflict, quoted
from workspaced.domain.machines import ALONE, Here
from workspaced.domain.outcome import Outcome
from workspaced.domain.state import State
from workspaced.domain.workspaces import require_free_name
from workspaced_protocol.models import Workspace


def undo(revision: int, if_revision: int | None, now_ms: int, here: Here = ALONE) -> Command:
    """Undo the change that took this revision; `if_revision` is that of the workspace, or of its removal."""

    def command(state: State) -> Outcome:
        entry = _require_entry(state, revision)
        current = _require_unchanged(state, entry)
        if if_revision is not None and if_revision != entry.revision:
            raise RevisionConflict(f"Workspace {quoted(entry.name)}", if_revision, entry.revision)
        if entry.before is None:
            require_no_sessions(state, entry.workspace_id)
            return removed(entry.workspace_id)
        try:
            before = json.decode(entry.before, type=Workspace)
        except (DecodeError, UnicodeDecodeError) as error:
            raise NotFound(
                f"Revision {revision} can't be undone: another release of the daemon wrote it, with what this one does not "
                "know.",
                oldest=state.history.oldest,
            ) from error
        if before.state != "deleted":
            require_free_name(state, before.name, before.id, "give that one another name first")
        elif current is not None:
            require_no_sessions(state, before.id)
        return saved(
            structs.replace(
                here.marked(before, current),
                # The clock may have stepped back.
                updated_at=later(current or before, now_ms),
                revision=state.revision + 1,
            )
        )

    return command


def _require_entry(state: State, revision: int) -> Entry:
    """Return the change that took this revision. Raise NotFound where the history does not have it."""
    entry = state.find_change(revision)
    if entry is not None:
        return entry
    oldest = state.history.oldest
    if oldest is None:
        raise NotFound("The history is empty: there is nothing to undo.", oldest=None)
    reach = f"the history reaches back to revision {oldest}"
    if revision < oldest:
        raise NotFound(f"Revision {revision} can't be undone any more: {reach}.", oldest=oldest)
    raise NotFound(
        f"Revision {revision} is no change of a workspace in the history: `history.list` has them, and {reach}.",
        oldest=oldest,
    )


def _require_unchanged(state: State, entry: Entry) -> Workspace | None:
    """Return the workspace as the entry has left it, or None. Raise RevisionConflict after a later change of it."""
    current = state.get(entry.workspace_id)
    newest = state.newest_change_of(entry.workspace_id)
    found = current.revision if current is not None else newest.revision if newest is not None else 0
    if found != entry.revision:
        raise ChangedSince(entry.name, found)
    if current is None and entry.after is not None:
        raise NotFound(
            f"Workspace {quoted(entry.name)} is gone, and the history does not have its end: `history.list` has "
            "what it was, to save that."
        )
    return current
