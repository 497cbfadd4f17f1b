"""The operations on stored workspaces: get, save, remove, several changes at once, flush."""

from workspaced.domain import bulk, workspaces
from workspaced.domain.commands import Command, once
from workspaced.domain.machines import Here
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.requests import Client, Json, Request
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p


class StoreOperations:
    """The methods `store.*` that are reads or plain writes; `maintenance` has the tasks."""

    def __init__(self, writer: Writer, bound: BoundPaths, here: Here) -> None:
        self._writer = writer
        self._bound = bound
        self._here = here

    def get_all(self, _params: p.NoParams, _: Client) -> list[Json]:
        """Return all workspaces by creation time."""
        return [record.json for record in self._writer.state.ordered]

    def get_by_id(self, params: p.ByIdParams, _: Client) -> Json:
        """Return the workspace of this id, or null."""
        record = self._writer.state.records.get(params.id)
        return record.json if record else b"null"

    def get_by_name(self, params: p.ByNameParams, _: Client) -> Json:
        """Return the workspace of this name, or null."""
        record = self._writer.state.record_named(params.name)
        return record.json if record else b"null"

    def save(self, params: p.SaveParams, request: Request) -> Command:
        """Store a workspace as given, under its id."""
        command = workspaces.save(params.workspace, params.if_revision, here=self._here)
        request.when_settled(self._bound.expect([params.workspace]))
        return once(params.request_key, command)

    def remove(self, params: p.RemoveParams, _: Request) -> Command:
        """Remove a workspace."""
        return once(params.request_key, workspaces.remove(params.id))

    def apply(self, params: p.ApplyParams, request: Request) -> Command:
        """Save and remove several workspaces in one commit."""
        command = bulk.apply(params.changes, params.if_revision, self._here)
        request.when_settled(self._bound.expect(change.save for change in params.changes))
        return once(params.request_key, command, bulk.current_revision)

    def flush(self, _params: p.WriteParams, _: Request) -> Command:
        """Write the whole store again from memory."""
        return bulk.flush

    def acknowledge_recovery(self, params: p.WriteParams, _: Request) -> Command:
        """Clear the notice of a recovery or a data loss."""
        return bulk.acknowledge_recovery_once(params.request_key)
