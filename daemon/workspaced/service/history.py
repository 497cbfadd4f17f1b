"""The operations on the history: list and undo."""

from itertools import islice
from typing import Final

from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command, once
from workspaced.domain.entries import entry_json
from workspaced.domain.machines import Here
from workspaced.domain.undo import undo
from workspaced.service.requests import Client, Json, Request
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p

_PAGE: Final = 50  # the number of entries in an answer, unless a client asks for another


class HistoryOperations:
    """The methods `history.*`."""

    def __init__(self, writer: Writer, here: Here) -> None:
        self._writer = writer
        self._here = here

    def list_entries(self, params: p.HistoryParams, _: Client) -> list[Json]:
        """Return the changes of all workspaces or of one, newest first."""
        found = self._writer.state.history.newest_first(params.workspace_id, params.before)
        return [entry_json(entry) for entry in islice(found, params.limit or _PAGE)]

    def undo(self, params: p.UndoParams, _: Request) -> Command:
        """Make a workspace what it was before a change."""
        undoing = undo(params.revision, params.if_revision, now_ms(), self._here)
        return once(params.request_key, undoing)
