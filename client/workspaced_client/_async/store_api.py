"""The methods of the store: a workspace store in the shape of an app's own, and its upkeep."""
# ruff: noqa: A002 - the protocol calls an id `id`, and so do the keyword arguments here

import os
from collections.abc import Sequence
from typing import cast

from workspaced_client._core.json_values import items_value, path_value
from workspaced_protocol import params as p
from workspaced_protocol.models import (
    Backup,
    Change,
    Salvage,
    StoreCheck,
    StoreDifference,
    StoreRevision,
    Workspace,
)

from .request import NOTHING, AsyncRequest

# The type system has no form for this type yet (PEP 747): the cast states the decoder's result.
_MAYBE_WORKSPACE = cast("type[Workspace | None]", Workspace | None)


class AsyncStore:
    """The store of workspaces itself, without the rules of the lifecycle.

    The six methods `get_all`, `get_by_id`, `get_by_name`, `save`, `remove` and `flush` are the ones of
    a workspace store, so that this can replace an app's own. Writes can also raise the errors of any write:
    see `AsyncWorkspaces`.
    """

    def __init__(self, request: AsyncRequest) -> None:
        self._request = request

    async def get_all(self) -> list[Workspace]:
        """Return all workspaces by creation time."""
        return await self._request("store.getAll", p.NoParams(), list[Workspace])

    async def get_by_id(self, id: str) -> Workspace | None:
        """Return the workspace of this id, or None."""
        return await self._request("store.getById", p.ByIdParams(id=id), _MAYBE_WORKSPACE)

    async def get_by_name(self, name: str) -> Workspace | None:
        """Return the workspace of this name, compared without case, or None."""
        return await self._request("store.getByName", p.ByNameParams(name=name), _MAYBE_WORKSPACE)

    async def save(self, workspace: Workspace, *, if_revision: int | None = None) -> Workspace:
        """Add a workspace, or replace the one of its id, and return it as stored.

        Every field is kept as given, except `revision`, which the store sets. Raises NameConflict,
        ActiveSessions for the state `deleted` while sessions last, RevisionConflict, InvalidParams.
        """
        params = p.SaveParams(workspace=workspace, if_revision=if_revision)
        return await self._request("store.save", params, Workspace)

    async def remove(self, id: str) -> None:
        """Remove a workspace; an unknown id is no error. Raises ActiveSessions."""
        await self._request("store.remove", p.RemoveParams(id=id), NOTHING)

    async def flush(self) -> int:
        """Have the whole store written again from memory; return the store's revision."""
        return (await self._request("store.flush", p.WriteParams(), StoreRevision)).revision

    async def apply(self, changes: Sequence[Change], *, if_revision: int | None = None) -> int:
        """Save and remove several workspaces in one commit, all or none; return the store's revision.

        `if_revision` is the store's here. Raises NameConflict, ActiveSessions, RevisionConflict,
        InvalidParams.
        """
        params = p.ApplyParams(changes=items_value(changes), if_revision=if_revision)
        return (await self._request("store.apply", params, StoreRevision)).revision

    async def check(self) -> StoreCheck:
        """Have the store's two files read from the disk and verified."""
        return await self._request("store.check", p.NoParams(), StoreCheck)

    async def backup(self, path: str | os.PathLike[str] | None = None) -> Backup:
        """Have a verified copy of the store made: at an absolute path, or among the daemon's backups.

        Raises InvalidParams for a path that can't be written to, StorageFailure.
        """
        params = p.BackupParams(path=None if path is None else path_value(path))
        return await self._request("store.backup", params, Backup)

    async def list_backups(self) -> list[Backup]:
        """Return the daemon's backups, the newest first."""
        return await self._request("store.listBackups", p.NoParams(), list[Backup])

    async def preview_restore(self, source: str | os.PathLike[str]) -> StoreDifference:
        """Return the changes that `restore` would make. `source` is a backup's name or a file's absolute path.

        Raises InvalidParams if that is not a readable store.
        """
        params = p.BackupSourceParams(source=path_value(source))
        return await self._request("store.previewRestore", params, StoreDifference)

    async def restore(self, source: str | os.PathLike[str], *, if_revision: int | None = None) -> int:
        """Replace the store by a backup or a file, in one commit; return the store's revision.

        The replaced content is kept in quarantine. `if_revision` is the store's. Raises ActiveSessions,
        RevisionConflict, InvalidParams.
        """
        params = p.RestoreParams(source=path_value(source), if_revision=if_revision)
        return (await self._request("store.restore", params, StoreRevision)).revision

    async def salvage(self, files: Sequence[str | os.PathLike[str]] | None = None) -> Salvage:
        """Return the workspaces that are whole in the damaged files in quarantine, or in `files`.

        `files` are absolute paths. Raises InvalidParams for one that can't be read.
        """
        params = p.SalvageParams(files=items_value(files, path_value))
        return await self._request("store.salvage", params, Salvage)

    async def acknowledge_recovery(self) -> None:
        """Clear the notice of a recovery or a data loss: the user has been told."""
        await self._request("store.acknowledgeRecovery", p.WriteParams(), NOTHING)
