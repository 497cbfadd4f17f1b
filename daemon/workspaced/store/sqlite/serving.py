"""The database of a running store: opened again where there is a doubt, and made again where it is gone or damaged.

The strategy:
- The files are known by their inodes. So a look at their names tells whether they are still those that are open.
- After a commit of unknown outcome the database is closed, opened, read as a whole, and compared with the last
  answered state. What was written to a log whose sync has failed may be lost though it can be read: so the log
  is copied, synced and renamed before SQLite opens it again.
- A snapshot is the database's file itself: commits write to the log alone. While one is read, the log is not written back.
"""

import errno
import sqlite3
import threading
from collections.abc import Callable, Generator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final

from workspaced.domain.state import State
from workspaced.process.log import Logger
from workspaced.store.contract import CommitUnknown, StorageFailure, StoreUnusable
from workspaced.store.files import Directory
from workspaced.store.place import blocked
from workspaced.store.sqlite import replacing
from workspaced.store.sqlite.database import Database, as_os_error
from workspaced.store.sqlite.other_databases import another_store
from workspaced.store.sqlite.reading import Contents, Damaged, NewerDatabase, read
from workspaced_protocol.datadir import DATABASE, DATABASE_LOG

LOG_BYTES: Final = 4 * 1024 * 1024
"""Once about that much is in the log, it is written back into the database, and overwritten."""

_logger = Logger()

_File = tuple[int, int]
"""A file's device and inode."""


class ServingDatabase:
    """The database of a running store. Call its methods from one thread at a time.

    `tell` is called with the path in quarantine of a database that another program has edited or damaged.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        time_ns: Callable[[], int],
        tell: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._time_ns = time_ns
        self._tell = tell
        self._database: Database | None = None
        self._files: tuple[_File | None, _File | None] = (None, None)  # of the open database, and of its log
        self._own: set[_File] = set()  # the files that may be the database
        self._put_away_for: str | None = None
        self._logged_bytes = 0
        self._is_read = threading.Lock()  # held for a snapshot: nothing is written to the database's file
        self._use(database)

    @property
    def opened(self) -> Database | None:
        """The open database; None where it must be opened again."""
        return self._database

    def is_in_place(self, directory: Directory) -> bool:
        """Return whether the database is open, and its files are still in this directory. Raises OSError."""
        files = (_file(directory, DATABASE), _file(directory, DATABASE_LOG))
        return self._database is not None and files == self._files

    def open_again(self, directory: Directory, held: State, possible: AbstractSet[int]) -> Contents | None:
        """Open the database in this directory and return what it holds; None where a new one is to be made.

        `held` is the last answered state, `possible` are the revisions that the database may have by now. Raises
        StorageFailure.
        """
        try:
            self.close()
            self._directory = directory
            found = _file(directory, DATABASE)
            if found is not None and found in self._own:
                return self._read_again(held, possible)
            refusal = None if found is None else another_store(directory, held)
            if refusal is not None:
                raise StorageFailure(refusal, errno.ESTALE)  # the own database may come back
            self._own = set()  # closed and gone: the next file may have its inode
            if found is None:
                return None
            self._put_away("edited")
        except OSError as error:
            raise StorageFailure.from_os_error(error, f"open {directory.path / DATABASE}") from error
        except StoreUnusable as error:
            raise blocked(error) from error
        return None

    def make_anew(self, directory: Directory, state: State) -> None:
        """Put a new database of this state and its history in place, and open it.

        What is there goes to quarantine if it is damaged. Raises StorageFailure where nothing has changed, else
        CommitUnknown.
        """
        self._directory = directory
        action = f"write {directory.path / DATABASE}"
        try:
            temp = replacing.make(directory, state)
        except OSError as error:
            raise StorageFailure.from_os_error(error, action) from error
        try:
            self._make_room()
            made = _file(directory, temp)
            if made is not None:
                self._own.add(made)
            replacing.put_in_place(directory, temp)
            self._to_quarantine()
            self._use(_locked(directory))
        except OSError as error:
            raise CommitUnknown.from_os_error(error, action) from error
        except sqlite3.Error as error:
            raise CommitUnknown.from_os_error(as_os_error(error), action) from error
        finally:
            replacing.drop(directory, temp)

    def add_logged(self, size_bytes: int) -> None:
        """Note that a commit has written about so much to the log."""
        self._logged_bytes += size_bytes

    def tidy_log(self) -> None:
        """Write the log back when it is full. It never raises."""
        if self._database is None or self._logged_bytes < LOG_BYTES:
            return
        if not self._is_read.acquire(blocking=False):
            return
        try:
            self._database.checkpoint()
        except sqlite3.Error as error:
            # The log keeps it all, and another try follows the next commit.
            _logger.warning("The database's log can't be written back.", reason=as_os_error(error).strerror)
        else:
            self._logged_bytes = 0
        finally:
            self._is_read.release()

    @contextmanager
    def snapshot(self) -> Generator[Database]:
        """Yield what the database holds now, to be read beside commits. Raises sqlite3.Error.

        Enter it as the other methods are called; leave it whenever it is read. Have one at a time.
        """
        with self._is_read:
            if self._database is None or not self._database.checkpoint():
                raise sqlite3.OperationalError("its log can't be written back")
            self._logged_bytes = 0
            snapshot = Database(self._directory.path / DATABASE, is_snapshot=True)
            try:
                yield snapshot
            finally:
                snapshot.close()

    def close(self) -> None:
        """Close the database, if it is open, once no snapshot is read: SQLite then writes the log back."""
        if self._database is not None:
            with self._is_read:
                self._database.close()
        self._database = None

    def _use(self, database: Database) -> None:
        self._database = database
        self._logged_bytes = 0
        self._files = (_file(self._directory, DATABASE), _file(self._directory, DATABASE_LOG))
        self._own = {file for file in self._files[:1] if file is not None}

    def _read_again(self, held: State, possible: AbstractSet[int]) -> Contents | None:
        replacing.renew(self._directory, DATABASE_LOG)
        try:
            database = Database(self._directory.path / DATABASE)
        except sqlite3.Error as error:
            raise as_os_error(error) from error
        try:
            contents = read(database)
        except Damaged:
            try:
                self._put_away("damaged")
            finally:
                database.close()
            return None
        except NewerDatabase as error:
            database.close()
            raise StorageFailure(f"{self._directory.path / DATABASE} has {error}.", errno.ESTALE) from error
        except sqlite3.Error as error:
            database.close()
            raise as_os_error(error) from error
        meta = contents.meta
        if meta.store_id != held.store_id or meta.revision not in possible:
            try:
                self._put_away("edited")
            finally:
                database.close()
            return None
        self._use(database)
        return contents

    def _put_away(self, reason: str) -> None:
        """Set the database and its log aside, for quarantine once a new one is in place. Raises OSError."""
        for path in replacing.set_aside(self._directory, self._time_ns)[:1]:
            self._tell(path)
        self._put_away_for = reason

    def _make_room(self) -> None:
        """Close the database for the one that takes its place; set it aside if it is damaged. Raises OSError."""
        if self._database is not None:
            try:
                read(self._database)
            except (Damaged, NewerDatabase, sqlite3.Error):
                self._put_away("damaged")
            self.close()
        # A log that is left could not be written back. It must not stand beside the new database.
        if any(_file(self._directory, DATABASE + suffix) is not None for suffix in replacing.SUFFIXES[1:]):
            self._put_away(self._put_away_for or "damaged")

    def _to_quarantine(self) -> None:
        reason, self._put_away_for = self._put_away_for or "damaged", None
        names = replacing.names_in_quarantine(self._directory, reason, self._time_ns)
        for path in replacing.to_quarantine(self._directory, names)[:1]:
            self._tell(path)


def _locked(directory: Directory) -> Database:
    database = Database(directory.path / DATABASE)
    try:
        database.lock()
    except BaseException:
        database.close()
        raise
    return database


def _file(directory: Directory, name: str) -> _File | None:
    found = directory.identify(name)
    return None if found is None else (found.device, found.inode)
