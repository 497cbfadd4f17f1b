"""Workspaces of the past: the entries of the history, and which of them a name means."""

from collections.abc import Iterator
from typing import Final

from workspaced_client import Client, HistoryEntry
from workspaced_client.cli.base.arguments import find_workspace
from workspaced_client.cli.base.failures import Failure
from workspaced_client.cli.base.output import count, shown_name, tell
from workspaced_protocol.names import name_key
from workspaced_protocol.params import MAX_HISTORY_PAGE

PAGE: Final = MAX_HISTORY_PAGE


def entries(
    client: Client, workspace_id: str | None = None, before: int | None = None, most: int = PAGE
) -> Iterator[HistoryEntry]:
    """Yield the changes of all workspaces or of one, newest first; `most` is how many the caller may take."""
    page = min(most, PAGE)
    while found := client.history.list(workspace_id, before=before, limit=page):
        yield from found
        if len(found) < page:
            return
        before = found[-1].revision


def find_past(client: Client, given: str) -> str:
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
            error.hint = "\n".join(filter(None, (error.hint, "The history has no such workspace either.")))
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
    for entry in entries(client):
        if any(each and name_key(each.name) == key for each in (entry.before, entry.after)):
            ids.setdefault(entry.workspace_id)
    return list(ids)


def last_deletions(client: Client, given: str) -> list[HistoryEntry]:
    """Return the deletions of the workspaces with this id or last name that are still deleted, newest first.

    Raise Failure without one: it tells how far back the history reaches.
    """
    key = name_key(given)
    seen: set[str] = set()
    found: list[HistoryEntry] = []
    oldest: HistoryEntry | None = None
    for entry in entries(client):
        oldest = entry
        if entry.workspace_id in seen:
            continue  # only its newest change tells whether it is deleted
        seen.add(entry.workspace_id)
        if _is_deletion(entry) and (given == entry.workspace_id or name_key(entry.name) == key):
            found.append(entry)
    if not found:
        reach = (
            f"the history reaches back to revision {oldest.revision}" if oldest else "the history is empty"
        )
        raise Failure(
            f"No deleted workspace has the id or name “{shown_name(given)}”: {reach}.",
            kind="notFound",
            hint="`workspacectl log --all` shows all changes. `workspacectl backups` lists copies that may reach further back.",
        )
    return found


def _is_deletion(entry: HistoryEntry) -> bool:
    # An older app marks a workspace as deleted, and keeps it.
    before, after = entry.before, entry.after
    return before is not None and before.state != "deleted" and (after is None or after.state == "deleted")
