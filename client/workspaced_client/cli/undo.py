"""The commands that bring an earlier state back: undo, undelete."""

from typing import Final

from workspaced_client import (
    ActiveSessions,
    Client,
    DaemonError,
    HistoryEntry,
    NameConflict,
    NotFound,
    RevisionConflict,
    Workspace,
)
from workspaced_client._core.local_time import when
from workspaced_client.cli.base.changes import author, summary
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.differences import difference
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import shown_name, tell
from workspaced_client.cli.base.past_workspaces import last_deletions
from workspaced_client.cli.base.questions import preview, require_yes
from workspaced_client.cli.base.results import described, tell_change
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER

_NOTHING: Final = "There is nothing to undo: the history is empty."


def undo(options: Options, revision: int | None, *, yes: bool, dry_run: bool) -> None:
    """Undo a change: its workspace becomes what it was before."""
    with connected(options) as client:
        entry = _entry(client, revision)
        if entry is not None:
            if not yes or dry_run:
                preview(options, _preview(entry, options.machine), asks=not dry_run)
            if dry_run:
                return
            if not yes:
                require_yes("Undo this change?", declined="Nothing was undone.")
            revision = entry.revision
        elif revision is None:
            raise Failure(_NOTHING, kind="notFound")
        # Of a revision that the history does not list, the daemon tells why it can't be undone.
        now = _undone(client, revision, entry)
    tell_change(
        options,
        now,
        f"Undid {_told(entry, options.machine) if entry else f'revision {revision}'}.\n{_state(now, entry, options.machine)}",
    )


def undelete(options: Options, name: str) -> None:
    """Bring back the workspace of this name or id that was deleted last, with its projects."""
    with connected(options) as client:
        entry, *others = last_deletions(client, name)
        now = _undone(client, entry.revision, entry)
    if others:
        ids = ", ".join(each.workspace_id for each in others)
        tell(f"warning: several deleted workspaces had this name. This is the last one; the others: {ids}.")
    here = options.machine
    text = f"Brought back: {described(now, here)}" if now else f"Undid {_told(entry, here)}."
    tell_change(options, now, text)


def _undone(client: Client, revision: int, entry: HistoryEntry | None) -> Workspace | None:
    try:
        return client.history.undo(revision)
    except DaemonError as error:
        raise _refusal(error, revision, entry) from error


def _entry(client: Client, revision: int | None) -> HistoryEntry | None:
    """Return the change of this revision, or the newest one; None if the history does not list it."""
    before = None if revision is None else min(revision + 1, MAX_SAFE_INTEGER)
    found = client.history.list(before=before, limit=1)
    return found[0] if found and revision in (None, found[0].revision) else None


def _preview(entry: HistoryEntry, here: str | None) -> str:
    """Return the change, and the difference that its undo would make."""
    lines = [f"{when(entry.at)}  {_told(entry, here)}  (by {author(entry.by, here)})"]
    return "\n".join((*lines, *difference(entry.after, entry.before, here)))


def _told(entry: HistoryEntry, here: str | None) -> str:
    what = summary(entry.before, entry.after, here, entry.method)
    return f"revision {entry.revision}, “{shown_name(entry.name)}”: {what}"


def _state(now: Workspace | None, entry: HistoryEntry | None, here: str | None) -> str:
    if now is not None:
        return f"It is now: {described(now, here)}"
    name = f" “{shown_name(entry.name)}”" if entry else ""
    return f"The workspace{name} is gone: `workspacectl undo` brings it back."


def _refusal(error: DaemonError, revision: int, entry: HistoryEntry | None) -> Failure:
    """Return the failure with what to type next."""
    message, hint = error.message, ""
    match error:
        case NotFound(data={"oldest": None}):
            message = _NOTHING
        case NotFound(data={"oldest": int(oldest)}) if revision < oldest:
            hint = "`workspacectl backups` lists copies of the whole store, and `workspacectl restore` takes one."
        case NotFound(data={"oldest": _}):
            message = f"Revision {revision} is no change of a workspace in the history."
            hint = "`workspacectl log` shows the changes and their revisions."
        case RevisionConflict(revision=int(later)):
            name = f" “{shown_name(entry.name)}”" if entry else ""
            message = (
                f"Workspace{name} was changed again, at revision {later}: only its last change can be undone."
            )
            which = f"{entry.workspace_id} " if entry else ""
            hint = (
                f"To undo that one alone: workspacectl undo {later}\n"
                f"To see what it was before each change: workspacectl log {which}--json"
            )
        case NameConflict(id=str(holder)):
            hint = f"Give that one another name first: workspacectl rename {holder} NEW_NAME"
        case ActiveSessions() if entry is not None:
            hint = f"To see them: workspacectl sessions {entry.workspace_id}"
        case _:
            pass
    return Failure.of(error, message, hint=hint)
