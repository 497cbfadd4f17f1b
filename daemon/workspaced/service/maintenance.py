"""The operations that read or copy the store's files: check, backup, restore, salvage; and the automatic backups."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import trio

from workspaced.domain import bulk, commands
from workspaced.domain.clock import now_ms
from workspaced.domain.errors import InvalidField, Overloaded, RequestError
from workspaced.domain.machines import Here
from workspaced.domain.names import check_root_path
from workspaced.domain.records import encode
from workspaced.process.log import Logger
from workspaced.process.threads import run_in_thread
from workspaced.service.bound_paths import BoundPaths
from workspaced.service.requests import Json, Request
from workspaced.store import backups, salvage
from workspaced.store.backups import HOW_TO_READ, Backups, BadBackup, Retention, require_possible
from workspaced.store.contract import StorageFailure, StoreUnusable, WorkspaceStore
from workspaced.writer.actor import Writer
from workspaced_protocol import params as p
from workspaced_protocol.datadir import BACKUPS, QUARANTINE
from workspaced_protocol.models import Backup, Salvage, Workspace

_CHECK_SECONDS: Final = 5.0  # as long as a write may take: a disk that hangs must not hold up a request
_COPY_SECONDS: Final = 30.0  # enough to read or write a copy of a large store
_HOUR_SECONDS: Final = 3600.0
_THREADS: Final = 8  # of each kind: a request is refused only while this many of its kind hang

_ORDERS: Final = (backups.by_time, backups.by_revision)

_log = Logger()

T = TypeVar("T")


class Maintenance:
    """The methods `store.*` that are tasks because they wait for a disk, and the automatic backups."""

    def __init__(
        self,
        store: WorkspaceStore,
        writer: Writer,
        bound: BoundPaths,
        copies: Backups,
        data_dir: Path,
        here: Here,
    ) -> None:
        self._store = store
        self._writer = writer
        self._bound = bound
        self._backups = copies
        self._data_dir = data_dir
        self._here = here
        self._own_files = trio.CapacityLimiter(_THREADS)
        self._copying = trio.CapacityLimiter(1)  # an abandoned thread holds it until its call ends
        self._named_files = trio.CapacityLimiter(_THREADS)
        self._newest_copies: set[int] | None = None  # their revisions, once they are known

    async def keep_backups(self, retention: Callable[[], Retention]) -> None:
        """Make a copy every hour if the store has changed, and thin out the old copies; never return."""
        while True:
            try:
                await self._keep_backup(retention())
            except RequestError as error:
                _log.error("An automatic backup failed.", reason=error.message)
            await trio.sleep(_HOUR_SECONDS)

    async def _keep_backup(self, retention: Retention) -> None:
        # A function of its own: for an hour of sleep, its `state` would keep all that has changed since in memory.
        state = self._writer.state
        if self._newest_copies is None:
            found = await _in_thread(self._own_files, self._backups.list)
            # Of either order: after a wrong clock, the newest by time may be an old copy.
            self._newest_copies = {max(found, key=order).revision for order in _ORDERS if found}
        if state.records and state.revision not in self._newest_copies:
            made = await _in_thread(self._copying, self._backups.write, state)
            self._newest_copies = {made.revision}
            for removed in await _in_thread(self._copying, self._backups.thin_out, retention, made):
                _log.info("A superfluous backup was removed.", name=removed.name)

    async def check(self, _params: p.NoParams, _: Request) -> Json:
        """Check the files on the disk as they are now."""
        return encode(await _in_thread(self._own_files, self._store.check, seconds=_CHECK_SECONDS))

    async def backup(self, params: p.BackupParams, _: Request) -> Json:
        """Make a verified copy of the current store."""
        state = self._writer.state
        if params.path is None:
            made = await _in_thread(self._copying, self._backups.write, state)
            return encode(self._model_of(made))
        check_root_path(params.path, "path")
        path = Path(params.path)
        await self._at_named_path("path", self._backups.write_to, path, state)
        return encode(Backup(path.name, str(path), now_ms(), state.revision))

    async def list_backups(self, _params: p.NoParams, _: Request) -> Json:
        """Return the copies in `backups/`, newest first."""
        found = await _in_thread(self._own_files, self._backups.list)
        return encode([self._model_of(made) for made in found])

    async def preview_restore(self, params: p.BackupSourceParams, _: Request) -> Json:
        """Return the changes that a restore of this copy would make."""
        workspaces = await self._read(params.source)
        return encode(bulk.compare(self._writer.state, workspaces, self._here))

    async def restore(self, params: p.RestoreParams, request: Request) -> Json:
        """Replace the content of the store with that of a copy."""
        workspaces = await self._read(params.source)
        command = bulk.restore(workspaces, params.if_revision, self._here)
        once = commands.once(params.request_key, command, bulk.current_revision)
        request.when_settled(self._bound.expect(workspaces))
        return await request.commit(once)

    async def salvage(self, params: p.SalvageParams, _: Request) -> Json:
        """Return the workspaces that are whole in the damaged files in quarantine, or in files that a client names."""
        if params.files is not None:
            salvaged = salvage.Salvaged()
            for index, file in enumerate(params.files):
                field = f"files[{index}]"
                check_root_path(file, field)
                await self._at_named_path(field, _salvage_named, file, salvaged)
            found = salvaged.workspaces
        else:
            named = self._store.recovery.quarantined
            quarantine = self._data_dir / QUARANTINE
            salvaged = await _in_thread(self._own_files, salvage.salvage_quarantine, quarantine, named)
            state = self._writer.state
            # Copies may have been removed since the start, which has read them.
            found = dict(state.lost.workspaces) if state.recovery is not None else {}
            found.update(salvaged.workspaces)
        return encode(Salvage(tuple(found.values()), tuple(salvaged.files)))

    async def _read(self, source: str) -> list[Workspace]:
        if backups.is_path(source):
            return list(await self._at_named_path("source", self._backups.read, source))
        return list(await _in_thread(self._own_files, self._backups.read, source, field="source"))

    async def _at_named_path(self, field: str, blocking: Callable[..., T], *arguments: object) -> T:
        """Run a blocking call on the path in the client's param `field`, where it may hang for ever."""
        if not self._named_files.available_tokens:
            raise Overloaded(
                f"{_THREADS} backups or restores at paths given by clients are still running: try again in a moment. "
                "If that does not help, check the disks of these paths: they may hang."
            )
        return await _in_thread(self._named_files, blocking, *arguments, field=field)

    def _model_of(self, made: backups.BackupFile) -> Backup:
        path = self._data_dir / BACKUPS / made.name
        return Backup(made.name, str(path), int(made.made_at.timestamp() * 1000), made.revision)


def _salvage_named(path: str, salvaged: salvage.Salvaged) -> None:
    require_possible(path)
    try:
        salvage.salvage_file(path, salvaged)
    except StoreUnusable as error:
        raise BadBackup(f"{error.reason}: name another file.") from error
    except OSError as error:
        raise BadBackup(f"{path} can't be read ({error.strerror or error}): {HOW_TO_READ}.") from error


async def _in_thread(
    limiter: trio.CapacityLimiter,
    blocking: Callable[..., T],
    *arguments: object,
    field: str = "",
    seconds: float = _COPY_SECONDS,
) -> T:
    """Run a blocking call in a thread; a BadBackup becomes an InvalidField of the param `field`."""
    try:
        with trio.fail_after(seconds):
            return await run_in_thread(blocking, *arguments, limiter=limiter)
    except BadBackup as error:
        raise InvalidField(field, error.message) from error
    except StoreUnusable as error:
        raise StorageFailure(error.message, error.errno) from error
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        reason = error.strerror or str(error)
        raise StorageFailure(f"Reading or writing{where} failed: {reason}.", error.errno or 0) from error
    except trio.TooSlowError as error:
        raise StorageFailure(f"The disk did not answer within {seconds:g} s.", errno.ETIMEDOUT) from error
