"""The open database: its connection, its settings, and its errors as those of the system.

The strategy:
- One connection, which locks the database for its whole life (`locking_mode=EXCLUSIVE`). So no other program reads or
  changes it meanwhile, and SQLite needs no shared memory beside it.
- The log is written back in `checkpoint`, when no client waits, never within a commit.
"""

import errno
import os
import sqlite3
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from workspaced.store.contract import CommitUnknown, StorageFailure

_LARGEST_LOG_BYTES: Final = 16 * 1024 * 1024
"""The size that a log is cut to once it is written back: a large commit must not keep so much of the disk."""

_SETTINGS_TO_READ: Final = (
    "PRAGMA cell_size_check=ON",  # a damaged page is found where it is read, not later
    "PRAGMA trusted_schema=OFF",  # nothing in a damaged schema may run
)

SETTINGS: Final = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA wal_autocheckpoint=0",  # `checkpoint` does it
    f"PRAGMA journal_size_limit={_LARGEST_LOG_BYTES}",
    *_SETTINGS_TO_READ,
)
"""Set each time the database is opened."""

_FULL_SYNC: Final = ("PRAGMA fullfsync=ON", "PRAGMA checkpoint_fullfsync=ON")
"""On macOS, fsync(2) leaves data in the drive's cache."""

_NUMBERS: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.EWOULDBLOCK,
    sqlite3.SQLITE_LOCKED: errno.EWOULDBLOCK,
    sqlite3.SQLITE_NOMEM: errno.ENOMEM,
    sqlite3.SQLITE_TOOBIG: errno.EFBIG,
}
_OWN_WORDS: Final = {
    sqlite3.SQLITE_BUSY: "another program has locked the database",
    sqlite3.SQLITE_LOCKED: "another program has locked the database",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_NOTADB: "the database is damaged",
    sqlite3.SQLITE_READONLY: "the database, its log or their directory can't be written to",
    sqlite3.SQLITE_CANTOPEN: "SQLite can't open the database or its log",
}
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
"""SQLITE_ERROR, too: the statements are right, so the schema that they meet is not."""


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 for an error of the module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the error tells of damage in the file, not of a disk that fails."""
    return code_of(error) in _DAMAGE


def as_os_error(error: sqlite3.Error) -> OSError:
    """Return the error as one of the system, in the words of the system where it has them."""
    code = code_of(error)
    number = _NUMBERS.get(code, errno.EIO)
    told = _OWN_WORDS.get(code)
    if told is None and code in (sqlite3.SQLITE_IOERR, *_NUMBERS):
        told = os.strerror(number)
    return OSError(number, told or str(error))


class Database:
    """An open database. Its methods are for one thread at a time; call `close` after use.

    Raises OSError or sqlite3.Error: of damage, `is_damage` tells.
    """

    def __init__(self, path: Path, *, is_snapshot: bool = False) -> None:
        """Open the file at `path`, which must be there; `lock` reads it first.

        As a snapshot, it is only read, without its log and without a lock: nobody may write to the file meanwhile.
        """
        self._is_snapshot = is_snapshot
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{'mode=ro&immutable=1' if is_snapshot else 'mode=rw'}",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        self._connection.text_factory = bytes

    def lock(self) -> None:
        """Lock the database for as long as it is open; a snapshot needs no lock."""
        if self._is_snapshot:
            for setting in _SETTINGS_TO_READ:
                self.execute(setting)
            return
        for setting in (*SETTINGS, *_FULL_SYNC) if sys.platform == "darwin" else SETTINGS:
            self.execute(setting)
        self.execute("BEGIN IMMEDIATE")  # takes the lock
        self.execute("ROLLBACK")

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Run a statement and return all its rows; texts are bytes."""
        return self._connection.execute(statement, values).fetchall()

    def execute_each(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement for each row of values."""
        self._connection.executemany(statement, rows)

    def rows(self, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """Yield the rows of a statement, one by one."""
        return self._connection.execute(statement, values)

    @contextmanager
    def transaction(self, action: str) -> Generator[None]:
        """Commit what the `with` block does, durably.

        Raises StorageFailure where nothing was applied, CommitUnknown where that is not sure: the database must be
        closed and opened again then. `action` is a verb with its object, for the message.
        """
        try:
            self.execute("BEGIN IMMEDIATE")
            yield
        except sqlite3.Error as error:
            self._roll_back(action)
            raise StorageFailure.from_os_error(as_os_error(error), action) from error
        except BaseException:
            self._roll_back(action)
            raise
        try:
            self.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back(action)
            if code_of(error) == sqlite3.SQLITE_FULL:
                # A page did not go into the log, so the log holds no whole commit: nothing was applied.
                raise StorageFailure.from_os_error(as_os_error(error), action) from error
            raise CommitUnknown.from_os_error(as_os_error(error), action) from error

    def _roll_back(self, action: str) -> None:
        """End the transaction, unless SQLite has done so itself. Raises CommitUnknown if it can't be ended."""
        if not self._connection.in_transaction:
            return
        try:
            self.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise CommitUnknown.from_os_error(as_os_error(error), action) from error

    def checkpoint(self) -> bool:
        """Write the log back into the database, so that the next commit overwrites it; return whether all of it is."""
        ((is_busy, logged, written),) = self.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return not is_busy and logged == written

    def forget(self) -> None:
        """Let go of all pages in memory: what is read next comes from the file."""
        self.execute("PRAGMA shrink_memory")

    def close(self) -> None:
        """Close the database: the log is written back and removed where the disk allows it, else the next start does so."""
        with suppress(sqlite3.Error):
            self._connection.close()
