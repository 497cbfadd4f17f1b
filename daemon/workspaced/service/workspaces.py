"""The operations on workspaces: create, open, close, update, delete, get, list."""

from collections.abc import Iterable
from itertools import islice

from workspaced.domain import projects, workspaces
from workspaced.domain.clock import now_ms
from workspaced.domain.commands import Command, once
from workspaced.domain.errors import NotFound, quoted
from workspaced.domain.ids import IdFactory
from workspaced.domain.machines import Here
from workspaced.domain.records import Record
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.order import Turn
from workspaced.service.requests import Client, Json, Request
from workspaced.service.usage import Usage
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.annotations import tag_key
from workspaced_protocol.names import name_key


class WorkspaceOperations:
    """The methods `workspace.*`."""

    def __init__(self, writer: Writer, ids: IdFactory, bound: BoundPaths, usage: Usage, here: Here) -> None:
        self._writer = writer
        self._ids = ids
        self._bound = bound
        self._usage = usage
        self._here = here

    def create(self, params: p.CreateParams, _: Request) -> Command:
        """Create an active workspace."""
        command = workspaces.create(
            self._ids.workspace(),
            params.name,
            params.root_path,
            now_ms(),
            params.tags,
            params.metadata,
            self._here,
        )
        return once(params.request_key, command)

    async def open(self, params: p.TransitionParams, turn: Turn) -> Command:
        """Open a closed workspace, and mark each of its projects stale or active."""
        facts = await self._bound.wait_for_facts(params.id, turn)
        opening = projects.open_(params.id, params.if_revision, facts, now_ms(), self._here)
        return once(params.request_key, opening)

    def close(self, params: p.TransitionParams, _: Request) -> Command:
        """Close an active workspace."""
        return once(params.request_key, workspaces.close(params.id, params.if_revision, now_ms()))

    def update(self, params: p.UpdateParams, _: Request) -> Command:
        """Change the name, the root path, the tags or the metadata."""
        command = workspaces.update(
            params.id,
            params.name,
            params.root_path,
            params.if_revision,
            now_ms(),
            params.tags,
            params.metadata,
            self._here,
        )
        return once(params.request_key, command)

    def delete(self, params: p.TransitionParams, _: Request) -> Command:
        """Delete a workspace without active sessions."""
        return once(params.request_key, workspaces.delete(params.id, params.if_revision))

    def get(self, params: p.GetParams, _: Client) -> Json:
        """Return the workspace of this id or name."""
        if params.id is not None:
            record = self._writer.state.records.get(params.id)
            if record is None:
                raise NotFound.workspace(params.id)
        else:
            record = self._writer.state.record_named(params.name or "")
            if record is None:
                wanted = quoted(params.name or "")
                raise NotFound(f"There is no workspace named {wanted}.")
        return record.json

    def list_all(self, params: p.ListParams, _: Client) -> list[Json]:
        """Return the workspaces in a state and with all of some tags, in an order, up to a number.

        It looks at no more of them than it needs: with a limit, and but for the order by name, that may be a few.
        """
        state = self._writer.state
        wanted = {tag_key(tag) for tag in params.tags or ()}
        in_order = self._usage.by_last_use(state) if params.sort == "recent" else state.ordered
        found: Iterable[Record] = (
            record
            for record in in_order
            if params.state in (None, record.outline.state)
            and (not wanted or wanted.issubset(map(tag_key, record.outline.tags)))
        )
        if params.sort == "name":
            found = sorted(found, key=_name_key)  # equal ones by creation time
        return [record.json for record in islice(found, params.limit)]


def _name_key(record: Record) -> str:
    return name_key(record.outline.name)
