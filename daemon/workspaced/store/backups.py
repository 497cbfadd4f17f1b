"""Backups: timed copies of the store, written, verified, listed and thinned out.

The strategy: neither times nor revisions can be trusted alone. A clock may be wrong for a while, and a store that
begins again counts from 0. So a backup stays if either order ranks it high enough, and today's date counts for nothing.
"""

import errno
import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from workspaced.domain.state import State
from workspaced.store.contract import StorageFailure, StoreUnusable
from workspaced.store.disk import Disk, NotOwnDirectory
from workspaced.store.document import Corrupted, NewerVersion, encode_document, parse_document
from workspaced.store.files import Directory
from workspaced_protocol.datadir import BACKUPS
from workspaced_protocol.json_limits import MAX_DEPTH, is_too_deep
from workspaced_protocol.models import Workspace
from workspaced_protocol.urls import told

_NAME = re.compile(r"workspaces-(\d{8}T\d{6}Z)-r(\d{1,16})\.json\Z")
_TIME: Final = "%Y%m%dT%H%M%SZ"


class BackupFile(NamedTuple):
    """A backup: its name in `backups/`, its time and its revision."""

    name: str
    made_at: datetime
    revision: int


HOW_TO_READ: Final = "check the path and its permissions, or name another file"


_MAX_PATH_BYTES: Final = 4096  # PATH_MAX of Linux; other systems take less


class BadBackup(Exception):
    """The file can't be restored, or no backup can be written to the path. Nothing was changed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def require_possible(path: str | Path) -> None:
    """Raise BadBackup for a path that no file can have, before an error tells all of it."""
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise BadBackup(f"The path {told(str(path))} is longer than any that a file can have.")


@dataclass(frozen=True)
class Retention:
    """The backups to keep: the newest of each of the newest `hourly` hours, and of the newest `daily` days, that have any."""

    hourly: int = 24
    daily: int = 30


class Backups:
    """The backups of a data directory. All methods block.

    Call `write` and `thin_out` from one thread at a time, the others from any thread.
    """

    def __init__(
        self, data_dir: Path, *, disk: Disk | None = None, time_s: Callable[[], float] = time.time
    ) -> None:
        self._data_dir = data_dir
        self._disk = disk or Disk()
        self._time_s = time_s
        self._is_swept = False

    def write(self, state: State) -> BackupFile:
        """Write a backup of `state` and read it back. Raises StorageFailure or OSError."""
        made_at = datetime.fromtimestamp(int(self._time_s()), UTC)
        backup = BackupFile(
            f"workspaces-{made_at.strftime(_TIME)}-r{state.revision}.json", made_at, state.revision
        )
        with closing(self._folder()) as folder:
            if not self._is_swept:  # once: later, a temporary file may belong to a `write_to` under way
                folder.remove_temps()
                self._is_swept = True
            _write_verified(folder, backup.name, state)
        return backup

    def write_to(self, path: Path, state: State) -> None:
        """Write a backup of `state` to the user's path. Raises BadBackup, StorageFailure or OSError."""
        require_possible(path)
        if not path.name:
            raise BadBackup(f"{path} has no file name: add one, such as copy.json.")
        if not path.parent.is_dir():
            raise BadBackup(
                f"The directory {path.parent} does not exist: create it first, or choose another place."
            )
        with closing(Directory.open(self._disk, path.parent, create=False)) as folder:
            if path.is_dir():
                raise BadBackup(f"{path} is a directory: add a file name, such as copy.json.")
            if folder.identify(path.name) is not None:
                raise BadBackup(f"{path} already exists: choose another name, or remove it first.")
            _write_verified(folder, path.name, state)

    def list(self) -> list[BackupFile]:
        """Return all backups, newest first. Raises OSError."""
        with closing(self._folder()) as folder:
            return _backups_in(self._disk.list_names(folder.fd))

    def read(self, source: str) -> Sequence[Workspace]:
        """Return the workspaces of a backup.

        `source` is a name in `backups/`, or the absolute path of a store file of any version.
        Raises BadBackup if it can't be restored.
        """
        path = Path(source) if is_path(source) else self._data_dir / BACKUPS / source
        require_possible(path)
        if "\0" in source or ("/" in source and not is_path(source)):
            raise BadBackup(f"{source!r} is neither a backup's name nor an absolute path.")
        try:
            with closing(Directory.open(self._disk, path.parent, create=False)) as folder:
                content = folder.read(path.name)
        except StoreUnusable as error:
            raise BadBackup(f"{error.reason}: choose a backup file.") from error
        except OSError as error:
            if error.errno == errno.ENOTDIR and not is_path(source):
                problem = NotOwnDirectory(errno.ENOTDIR, path.parent).strerror
                raise BadBackup(f"{problem}, or give the path of a store file.") from error
            raise BadBackup(f"{path} can't be read ({error.strerror}): {HOW_TO_READ}.") from error
        if content is None:
            raise BadBackup(f"There is no backup {path}: `workspacectl backups` lists them.")
        try:
            workspaces = parse_document(content.data).state.workspaces()
        except RecursionError as error:
            raise BadBackup(f"{path} is nested too deeply to be read.") from error
        except Corrupted as error:
            raise BadBackup(f"{path} is damaged, or not a store file: {error.message}.") from error
        except NewerVersion as error:
            raise BadBackup(
                f"{path} was written by a newer release ({error}): restore it with that release."
            ) from error
        for workspace in workspaces:
            if is_too_deep(workspace.metadata):
                raise BadBackup(
                    f"{path} can't be restored: the metadata of {workspace.id} is nested more than {MAX_DEPTH} deep."
                )
        return workspaces

    def newest_state(self, store_id: str | None) -> State | None:
        """Return the state in the newest backup of this store, or of any, that can be read; None without one."""
        with suppress(OSError):
            for backup in sorted(self.list(), key=by_revision if store_id else by_time, reverse=True):
                state = self._state_in(backup)
                if state is not None and store_id in (None, state.store_id):
                    return state
        return None

    def _state_in(self, backup: BackupFile) -> State | None:
        with suppress(StoreUnusable, Corrupted, NewerVersion), closing(self._folder()) as folder:
            content = folder.read(backup.name)
            if content is not None:
                return parse_document(content.data).state
        return None

    def thin_out(self, retention: Retention, made: BackupFile) -> Sequence[BackupFile]:
        """Remove and return the superfluous backups, but never `made`. Raises OSError."""
        with closing(self._folder()) as folder:
            removed = superfluous(_backups_in(self._disk.list_names(folder.fd)), retention, made)
            for backup in removed:
                self._disk.unlink(backup.name, folder.fd)
            return removed

    def _folder(self) -> Directory:
        with closing(Directory.open(self._disk, self._data_dir, create=True)) as data_dir:
            return data_dir.open_below(BACKUPS)


def is_path(source: str) -> bool:
    """Return whether `source` is an absolute path, not the name of a backup in `backups/`."""
    return source.startswith("/")


def by_time(backup: BackupFile) -> tuple[datetime, int]:
    """Return the key that sorts backups by time."""
    return backup.made_at, backup.revision


def by_revision(backup: BackupFile) -> tuple[int, datetime]:
    """Return the key that sorts backups by revision."""
    return backup.revision, backup.made_at


def superfluous(
    backups: Sequence[BackupFile], retention: Retention, made: BackupFile
) -> Sequence[BackupFile]:
    """Return the backups to remove. The one just made is always kept, and so is the newest in each order."""
    kept = {made}
    for order in (by_time, by_revision):
        newest_first = sorted(backups, key=order, reverse=True)
        kept |= {
            *newest_first[:1],
            *_newest_of_each(newest_first, "%Y%m%d%H", retention.hourly),
            *_newest_of_each(newest_first, "%Y%m%d", retention.daily),
        }
    return [backup for backup in backups if backup not in kept]


def _newest_of_each(newest_first: Sequence[BackupFile], period: str, limit: int) -> Sequence[BackupFile]:
    newest: dict[str, BackupFile] = {}
    for backup in newest_first:
        newest.setdefault(backup.made_at.strftime(period), backup)
    return list(newest.values())[:limit]


def _backups_in(names: Iterable[str]) -> list[BackupFile]:
    backups = filter(None, map(_backup_of, names))
    return sorted(backups, key=by_time, reverse=True)


def _backup_of(name: str) -> BackupFile | None:
    match = _NAME.match(name)
    if match is None:
        return None
    try:
        made_at = datetime.strptime(match[1], _TIME)
    except ValueError:
        return None  # such as month 13: another program's file
    return BackupFile(name, made_at.replace(tzinfo=UTC), int(match[2]))


def _write_verified(folder: Directory, name: str, state: State) -> None:
    data = encode_document(state)
    parse_document(data)
    folder.write_copy(name, data)
    content = folder.read(name)
    if content is None or content.data != data:
        raise StorageFailure(f"{folder.path / name} reads back differently: the disk may be failing.", 5)
