"""The SQLite store: a database in a data directory, whose commits cost what they change.

The strategy:
- A commit is one transaction of what changed, under a lock that no other program shares (`database`).
- After anything that leaves a doubt (a failed sync, another file in the database's place), the database is closed,
  opened again and compared with the last answered state. The next commit writes the differences, too.
- The log is written back into the database after the answers (`tidy`).
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from workspaced.domain.records import Record
from workspaced.domain.state import State
from workspaced.process.log import Logger
from workspaced.store.base import StoreBase
from workspaced.store.contract import Commit, CommitUnknown, StorageFailure, StoreUnusable
from workspaced.store.disk import Disk
from workspaced.store.document import encode_document
from workspaced.store.files import Content, Identity
from workspaced.store.locked_directory import LockedDirectory
from workspaced.store.notice import with_edit
from workspaced.store.place import refuse_network, unusable, warnings_about
from workspaced.store.quarantine import quarantine
from workspaced.store.sqlite.answered import Answered, AnsweredFile
from workspaced.store.sqlite.database import as_os_error
from workspaced.store.sqlite.other_databases import another_store
from workspaced.store.sqlite.reading import Contents, Damaged, NewerDatabase, read
from workspaced.store.sqlite.serving import ServingDatabase
from workspaced.store.sqlite.starting import Start
from workspaced.store.sqlite.writing import logged_bytes, totals_in, totals_of, write_changes
from workspaced_protocol.datadir import DATABASE, PRIMARY
from workspaced_protocol.models import FileCheck, StoreCheck

_NO_SNAPSHOT: Final = FileCheck(corrupted=False, reason="none: this store is one database")

_log = Logger()


def create_sqlite_store(data_dir: Path, *, socket: str = "") -> "SqliteWorkspaceStore":
    """Open the store in `data_dir`, and recover it if it is damaged. What is missing is made.

    `socket` is written to the lock file, for a process that finds the directory locked. Raises LockHeld
    if another process owns the directory, StoreUnusable if the store can't be read or written.
    """
    return SqliteWorkspaceStore(data_dir, socket=socket)


class _Held(NamedTuple):
    """What a check compares the database with."""

    revision: int
    digest: int
    possible: AbstractSet[int]


class SqliteWorkspaceStore(StoreBase):
    """A WorkspaceStore in a data directory, locked until `close`.

    `state` is the last committed state, `recovery` the result of the recovery at startup. `warnings` are
    sentences for the log about the directory and the history.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        socket: str = "",
        disk: Disk | None = None,
        time_ns: Callable[[], int] = time.time_ns,
        home: LockedDirectory | None = None,
    ) -> None:
        """See `create_sqlite_store`; tests set `disk` and `time_ns`. With a `home`, the directory is locked already."""
        self._time_ns = time_ns
        self._turn = threading.Lock()  # the database is used by one thread at a time
        self._check_turn = threading.Lock()  # and so is a snapshot of it, beside commits
        self._answered = AnsweredFile()
        if home is None:
            refuse_network(data_dir)
        self._home = home or LockedDirectory(disk or Disk(), data_dir, socket)
        try:
            directory = self._home.open
            started = Start(directory, time_ns).run()
            self._database = ServingDatabase(started.database, directory, time_ns, self._tell_of_edit)
        except OSError as error:
            self._home.close()
            raise unusable(data_dir, error) from error
        except BaseException:
            self._home.close()
            raise
        self.state = started.state
        self.recovery = self._recovery_at_start = started.recovery
        self.warnings = [*warnings_about(data_dir), *started.contents.warnings]
        self._totals = totals_in(started.contents)
        # After a loop of crashes it has more than are held; the first commit takes them out.
        self._has_more_keys = len(started.contents.request_keys) > len(self.state.request_keys)
        self._is_doubtful = False  # after a commit of unknown outcome, until one succeeds
        self._possible = {self.state.revision}  # the revisions that the database may have
        self._note_answered()

    def commit(self, commit: Commit, /) -> None:
        """See WorkspaceStore. What changed is one transaction; with `is_whole`, a new database is made."""
        commit = self._own(commit)
        with self._turn:
            self._home.ensure_in_place()
            if commit.keeps_previous is not None:
                self._keep_previous(commit.keeps_previous)
            try:
                self._commit(commit)
            except CommitUnknown:
                self._is_doubtful = True
                self._possible.add(commit.state.revision)
                raise
            self._is_doubtful = False
            self._possible = {commit.state.revision}
            self.state = commit.state
            self._note_answered()

    def tidy(self) -> None:
        """See WorkspaceStore. Writes the log back into the database once it is full."""
        with self._turn:
            if not self._is_doubtful:
                self._answered.keep_in_place()
                self._database.tidy_log()

    def check(self) -> StoreCheck:
        """See WorkspaceStore. The database must also hold the state that the daemon holds."""
        with self._check_turn:
            return StoreCheck(primary=self._check(), snapshot=_NO_SNAPSHOT)

    def close(self) -> None:
        """See WorkspaceStore. Writes the log back, and releases the lock."""
        with self._turn:
            self._answered.close()
            self._database.close()
            self._home.close()

    def _commit(self, commit: Commit) -> None:
        directory = self._home.open
        database = self._database.opened
        lacking: Mapping[str, Record | None] | None = None
        if database is None or self._is_doubtful or not self._is_in_place():
            self._is_doubtful = True
            contents = self._database.open_again(directory, self.state, self._possible)
            database = self._database.opened
            if contents is not None:
                lacking = _lacking(self.state, contents)
                # The commit may have gone through, and have taken old entries out of the history.
                since = max(self._totals.history_since, contents.meta.history_since)
                self._totals = replace(self._totals, history_since=since)
        if database is None or (commit.is_whole and lacking is None):
            self._database.make_anew(directory, commit.state)
            self._totals = totals_of(commit.state)
            self._has_more_keys = False
            return
        if lacking is None and self._has_more_keys:
            lacking = {}
        with database.transaction(f"write {directory.path / DATABASE}"):
            totals = write_changes(database, self.state, self._totals, commit, lacking)
        self._totals = totals
        self._has_more_keys = False
        self._database.add_logged(logged_bytes(commit))

    def _is_in_place(self) -> bool:
        try:
            return self._database.is_in_place(self._home.open)
        except OSError as error:
            path = self._home.open.path / DATABASE
            raise StorageFailure.from_os_error(error, f"check {path}") from error

    def _keep_previous(self, reason: str) -> None:
        """Quarantine a copy of the last answered state, in the format of backups."""
        directory = self._home.open
        copy = Content(encode_document(self.state), Identity(0, 0, 0, 0))
        try:
            quarantine(directory, PRIMARY, copy, reason, self._time_ns)
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"quarantine {directory.path / PRIMARY}") from error

    def _note_answered(self) -> None:
        self._answered.write(self._home.open, Answered.of(self._totals.meta(self.state)))

    def _tell_of_edit(self, copy: str) -> None:
        _log.warning("The database was edited or damaged; it was written again.", file=DATABASE, kept=copy)
        now_ms = self._time_ns() // 1_000_000
        self.recovery = with_edit(self._recovery_at_start, self.recovery, DATABASE, copy, now_ms)

    def _check(self) -> FileCheck:
        try:
            with ExitStack() as opened:
                with self._turn:
                    database = self._database.opened
                    if database is None or not self._database.is_in_place(self._home.open):
                        return FileCheck(corrupted=False, reason=self._absence())
                    held = _Held(self.state.revision, self._totals.digest, frozenset(self._possible))
                    if self._is_doubtful:  # its log must not be written back
                        return _compared(read(database), held)
                    snapshot = opened.enter_context(self._database.snapshot())
                return _compared(read(snapshot), held)
        except Damaged as damage:
            return FileCheck(corrupted=True, reason=damage.message)
        except NewerDatabase as error:
            return FileCheck(corrupted=False, reason=f"written by a newer release: {error}")
        except sqlite3.Error as error:
            return FileCheck(corrupted=False, reason=f"unreadable: {as_os_error(error).strerror}")
        except OSError as error:
            return FileCheck(corrupted=False, reason=f"unreadable: {error.strerror or error}")

    def _absence(self) -> str:
        """Return why the database is not the open one. Raises OSError."""
        directory = self._home.open
        if not self._home.is_in_place or directory.identify(DATABASE) is None:
            return "missing"
        try:
            refusal = another_store(directory, self.state)
        except StoreUnusable as error:
            return f"unreadable: {error.reason}"
        return (
            f"another store's: {refusal}" if refusal else "edited: it is not the file that the daemon wrote"
        )


def _compared(found: Contents, held: _Held) -> FileCheck:
    """Return the check of a whole database."""
    meta = found.meta
    if meta.revision == held.revision and found.digest != held.digest:
        told = f"edited: it has revision {meta.revision}, but not the workspaces that the daemon holds"
    elif meta.revision not in held.possible:
        told = f"of revision {meta.revision}, and the daemon holds revision {held.revision}"
    else:
        told = None
    return FileCheck(corrupted=False, reason=told)


def _lacking(held: State, contents: Contents) -> Mapping[str, Record | None]:
    """Return what the database lacks of the last answered state; None for what it has too much."""
    found = {record.outline.id: record.json for record in contents.records}
    lacking: dict[str, Record | None] = dict.fromkeys(found.keys() - held.records.keys())
    lacking.update((id_, each) for id_, each in held.records.items() if found.get(id_) != each.json)
    return lacking
