"""A start: the database is verified, or a new one is made of what is proven, before anything is served.

| what is found | what happens |
| --- | --- |
| nothing, not even the side file | `fresh`: an empty database |
| a whole database that holds all that was answered | `clean` |
| a damaged one, one that lacks what was answered, or none where the side file is | `recovered` where everything answered is proven, else `dataLoss` |
| another program's, a locked one, or one that can't be read | StoreUnusable, and nothing is touched |
"""

import errno
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from workspaced.domain.ids import IdFactory
from workspaced.domain.state import State
from workspaced.store.backups import Backups
from workspaced.store.contract import StoreUnusable, WrittenByNewerRelease
from workspaced.store.files import Directory
from workspaced.store.notice import status_of, with_notice
from workspaced.store.salvage import find_lost
from workspaced.store.sqlite import replacing
from workspaced.store.sqlite.answered import Answered, read_answered
from workspaced.store.sqlite.database import Database, as_os_error
from workspaced.store.sqlite.evidence import Proven, prove
from workspaced.store.sqlite.looking import evidence_in, look, require_own, require_readable
from workspaced.store.sqlite.reading import Contents, Damaged, NewerDatabase, legible_keys, read
from workspaced.store.sqlite.rows import Meta
from workspaced_protocol.daemon_models import RecoveryStatus
from workspaced_protocol.datadir import DAMAGED_DATABASE, DATABASE, DATABASE_LOG, QUARANTINE
from workspaced_protocol.models import RecoveryOutcome


@dataclass(frozen=True)
class Started:
    """An open, verified database, and what was done to have it."""

    database: Database
    contents: Contents
    state: State
    recovery: RecoveryStatus


class Start:
    """One start on a directory that is locked."""

    def __init__(self, directory: Directory, time_ns: Callable[[], int]) -> None:
        self._directory = directory
        self._time_ns = time_ns
        self._answered: Answered | None = None
        self._keys: Mapping[str, str | None] = {}

    def run(self) -> Started:
        """Return the open database. Raises StoreUnusable, or OSError for a directory that fails."""
        self._directory.remove_temps()
        self._answered = read_answered(self._directory)
        try:
            if replacing.is_set_aside(self._directory):
                raise Damaged("damaged", "a start that was to recover it has not come to its end")
            return self._verified()
        except Damaged as damage:
            return self._recovered(damage)

    def _verified(self) -> Started:
        """Return the database as it is. Raises Damaged, too: then it is set aside, if it was opened."""
        looked = look(self._directory, DATABASE)
        if looked is None:
            if self._answered is None and self._directory.identify(DATABASE_LOG) is None:
                return self._fresh()
            raise Damaged("incomplete", "it is missing")
        require_own(self._directory, DATABASE, looked)
        # What serves must be durable: the process that wrote it may have been killed before its sync.
        self._directory.settle([DATABASE, DATABASE_LOG])
        database = self._open()
        try:
            contents = read(database)
            self._require_answered(contents.meta)
        except Damaged:
            self._keys = legible_keys(database)
            try:
                require_readable(self._directory, (DATABASE + suffix for suffix in replacing.SUFFIXES))
                # Before it is closed, which would write the log back.
                replacing.set_aside(self._directory, self._time_ns)
            finally:
                database.close()
            raise
        except (NewerDatabase, sqlite3.Error) as error:
            database.close()
            raise self._refusal(error) from error
        told = contents.meta.recovery.quarantined if contents.meta.recovery is not None else ()
        left = replacing.end_of_last(self._directory, told, self._time_ns)
        return self._started(database, contents, "clean", left)

    def _fresh(self) -> Started:
        with suppress(OSError):  # made with the store: a disk that is full later has no room for it
            self._directory.disk.make_directory(QUARANTINE, 0o700, self._directory.fd)
        self._directory.settle_path()
        state = State(store_id=IdFactory(self._now_ms).store())
        return self._made(state, "fresh", {})

    def _recovered(self, damage: Damaged) -> Started:
        """Make a new database of what is proven."""
        replacing.set_aside(self._directory, self._time_ns)
        evidence = evidence_in(self._directory, DAMAGED_DATABASE)
        evidence.request_keys = self._keys
        newest, answered = evidence.newest_state, self._answered
        if newest is not None and answered is not None and newest.store_id != answered.store_id:
            answered = None
        identified = newest or answered
        store_id = identified.store_id if identified is not None else None
        backup = Backups(self._directory.path, disk=self._directory.disk).newest_state(store_id)
        proven = prove(evidence, answered, backup)
        state = proven.state
        store_id = store_id or (backup.store_id if backup is not None else IdFactory(self._now_ms).store())
        names = replacing.names_in_quarantine(self._directory, damage.kind, self._time_ns)
        outcome: RecoveryOutcome = "recovered" if proven.is_all else "dataLoss"
        copies = [str(self._directory.path / QUARANTINE / name) for name in names.values()]
        reason = _told(damage, proven, backup)
        state = with_notice(replace(state, store_id=store_id), outcome, reason, copies, self._now_ms())
        # Nobody knows what a recovery has left out.
        history = replace(state.history, complete_since=state.revision)
        return self._made(replace(state, history=history), outcome, names)

    def _made(self, state: State, outcome: RecoveryOutcome, names: Mapping[str, str]) -> Started:
        """Return a new database of this state; what is set aside goes to quarantine under `names`."""
        temp = replacing.make(self._directory, state)
        try:
            replacing.put_in_place(self._directory, temp)
        except BaseException:
            replacing.drop(self._directory, temp)
            raise
        copies = replacing.to_quarantine(self._directory, names)
        database = self._open()
        try:
            contents = read(database)
        except (Damaged, NewerDatabase, sqlite3.Error) as error:
            database.close()
            raise self._refusal(error) from error
        return self._started(database, contents, outcome, copies)

    def _started(
        self, database: Database, contents: Contents, outcome: RecoveryOutcome, copies: Sequence[str]
    ) -> Started:
        state = contents.state()
        if state.recovery is not None:
            quarantine = self._directory.path / QUARANTINE
            state = replace(state, lost=find_lost(self._directory.disk, quarantine, state.recovery))
        return Started(database, contents, state, status_of(state, outcome, copies))

    def _require_answered(self, meta: Meta) -> None:
        answered = self._answered
        if answered is None or answered.store_id != meta.store_id or answered.revision <= meta.revision:
            return
        raise Damaged(
            "incomplete", f"it holds revision {meta.revision}, but revision {answered.revision} was answered"
        )

    def _open(self) -> Database:
        try:
            return Database(self._directory.path / DATABASE)
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Damaged | NewerDatabase | sqlite3.Error) -> StoreUnusable:
        """Return the error of a start for one of its database."""
        path = self._directory.path / DATABASE
        if isinstance(error, NewerDatabase):
            return WrittenByNewerRelease(
                f"The store in {path} has {error}: start a newer release, or choose another --data-dir."
            )
        if isinstance(error, Damaged):  # just made: the disk does not keep what is written
            return StoreUnusable(f"{path} reads back damaged ({error.message})", "check the disk", errno.EIO)
        found = as_os_error(error)
        number = found.errno or 0
        if number == errno.EWOULDBLOCK:
            advice = f"end that program (`fuser {path}` tells its pid), then start again"
            return StoreUnusable(f"{path} is locked by another program", advice, number)
        advice = "nothing was changed; check the owner, the mode and the disk, then start again"
        return StoreUnusable(f"{path} can't be opened ({found.strerror})", advice, number)

    def _now_ms(self) -> int:
        return self._time_ns() // 1_000_000


def _told(damage: Damaged, proven: Proven, backup: State | None) -> str:
    """Return what happened, in words."""
    serving = len(proven.state.records)
    reason = f"{DATABASE} is corrupted ({damage.message})"
    if proven.is_all:
        return f"{reason}; all of revision {proven.state.revision} was verified in what is left ({_count(serving)})"
    told = f"{reason}; {_count(serving)} could be verified"
    if proven.from_backup and backup is not None:
        told += f", {proven.from_backup} of them as the backup of revision {backup.revision} has them"
    if proven.missing:
        told += f", and {proven.missing} more are missing"
    if proven.answered:
        told += f"; the last answered revision was {proven.answered}"
    return told


def _count(number: int) -> str:
    return "1 workspace" if number == 1 else f"{number} workspaces"
