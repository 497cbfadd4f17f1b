"""The commands on changes of workspaces: history, undo."""

from collections.abc import Iterator
from itertools import islice
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
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.changes import author, summary
from workspaced_client.cli.base.connecting import connected
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.options import Options
from workspaced_client.cli.base.output import count, emit_json, shown_name, tell
from workspaced_client.cli.base.questions import preview, require_yes
from workspaced_client.cli.base.results import described, tell_change
from workspaced_client.cli.base.table import Column, emit_table
from workspaced_protocol.json_limits import MAX_SAFE_INTEGER
from workspaced_protocol.names import name_key
from workspaced_protocol.params import MAX_HISTORY_PAGE

_PAGE: Final = MAX_HISTORY_PAGE
_NOTHING: Final = "There is nothing to undo: the history is empty."


def history(options: Options, workspace: str | None, limit: int, before: int | None) -> None:
    """Show the changes of all workspaces or of one, newest first."""
    with connected(options) as client:
        id_ = None if workspace is None else _find(client, workspace)
        entries = list(islice(_entries(client, id_, before, limit + 1), limit + 1))
    has_more = len(entries) > limit
    del entries[limit:]
    if options.as_json:
        emit_json(entries)
    elif entries:
        emit_table(
            (
                Column("WHEN", gives_way=True),
                Column("REVISION"),
                Column("WHAT", shrinks=True),
                Column("WORKSPACE", shrinks=True),
                Column("BY", shrinks=True, gives_way=True),
                Column("PID", optional=True),
            ),
            [
                (when(each.at), str(each.revision), _what(each), each.name, _program(each), str(each.by.pid))
                for each in entries
            ],
        )
        if has_more and not options.quiet:
            tell(f"There are older ones: --before {entries[-1].revision} shows them.")
    elif not options.quiet:
        tell(
            "There are no changes yet: `workspacectl create` makes the first one."
            if before is None
            else f"No change before revision {before} is kept."
        )


def _entries(
    client: Client, workspace_id: str | None, before: int | None, most: int
) -> Iterator[HistoryEntry]:
    """Yield the changes of all workspaces or of one, newest first; `most` is how many the caller may take."""
    page = min(most, _PAGE)
    while found := client.history.list(workspace_id, before=before, limit=page):
        yield from found
        if len(found) < page:
            return
        before = found[-1].revision


def _find(client: Client, given: str) -> str:
    """Return the id of the workspace with this id or name, be it deleted. Raise Failure if there was none.

    A name that no workspace has any more is that of the last one that had it.
    """
    try:
        return find_workspace(client, given).id
    except Failure as error:
        if given.startswith("ws_") and client.history.list(given, limit=1):
            return given
        had_it = _ids_of_name(client, given)
        if not had_it:
            error.hint = "The history has no such workspace either."
            raise
    if len(had_it) > 1:
        others = ", ".join(had_it[1:])
        tell(
            f"warning: {count(len(had_it), 'workspace')} had this name. This is the last one; the others: {others}."
        )
    return had_it[0]


def _ids_of_name(client: Client, name: str) -> list[str]:
    """Return the ids of all workspaces that had this name, the one of the newest change first."""
    key = name_key(name)
    ids: dict[str, None] = {}
    for entry in _entries(client, None, None, _PAGE):
        if any(each and name_key(each.name) == key for each in (entry.before, entry.after)):
            ids.setdefault(entry.workspace_id)
    return list(ids)


def undo(options: Options, revision: int | None, *, yes: bool) -> None:
    """Undo a change: its workspace becomes what it was before."""
    with connected(options) as client:
        entry = _entry(client, revision)
        if revision is None:
            if entry is None:
                raise Failure(_NOTHING, kind="notFound")
            if not yes:
                preview(options, f"{when(entry.at)}  {_told(entry)}  (by {author(entry.by)})", asks=True)
                require_yes("Undo this change?", declined="Nothing was undone.", has_preview=False)
            revision = entry.revision
        try:
            now = client.history.undo(revision)
        except DaemonError as error:
            raise _refusal(error, revision, entry) from error
    tell_change(
        options, now, f"Undid {_told(entry) if entry else f'revision {revision}'}.\n{_state(now, entry)}"
    )


def _entry(client: Client, revision: int | None) -> HistoryEntry | None:
    """Return the change of this revision, or the newest one; None if the history does not list it."""
    before = None if revision is None else min(revision + 1, MAX_SAFE_INTEGER)
    found = client.history.list(before=before, limit=1)
    return found[0] if found and revision in (None, found[0].revision) else None


def _told(entry: HistoryEntry) -> str:
    return f"revision {entry.revision}, “{shown_name(entry.name)}”: {_what(entry)}"


def _what(entry: HistoryEntry) -> str:
    return summary(entry.before, entry.after, entry.method)


def _program(entry: HistoryEntry) -> str:
    return author(entry.by, names_process=not entry.by.program)


def _state(now: Workspace | None, entry: HistoryEntry | None) -> str:
    if now is not None:
        return f"It is now: {described(now)}"
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
            hint = "`workspacectl history` shows the changes and their revisions."
        case RevisionConflict(revision=int(later)):
            name = f" “{shown_name(entry.name)}”" if entry else ""
            message = (
                f"Workspace{name} was changed again, at revision {later}: only its last change can be undone."
            )
            which = f"{entry.workspace_id} " if entry else ""
            hint = (
                f"To undo that one alone: workspacectl undo {later}\n"
                f"To see what it was before each change: workspacectl history {which}--json"
            )
        case NameConflict(id=str(holder)):
            hint = f"Give that one another name first: workspacectl rename {holder} NEW_NAME"
        case ActiveSessions() if entry is not None:
            hint = f"To see them: workspacectl sessions {entry.workspace_id}"
        case _:
            pass
    return Failure.of(error, message, hint=hint)
