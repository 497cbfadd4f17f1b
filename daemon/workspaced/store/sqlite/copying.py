"""A SQLite store as a whole, for a migration: its state, and a database that is made of a state."""

import errno
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from workspaced.domain.state import State
from workspaced.store.contract import StoreUnusable
from workspaced.store.files import Directory
from workspaced.store.sqlite import replacing
from workspaced.store.sqlite.database import Database, as_os_error
from workspaced.store.sqlite.reading import Damaged, NewerDatabase, read
from workspaced.store.sqlite.starting import Start
from workspaced_protocol.datadir import DATABASE


def start_and_read(directory: Directory) -> tuple[State, Sequence[str]]:
    """Return the state with its history, and warnings. The database is started as by a daemon: a damaged one is recovered.

    Raises StoreUnusable or OSError.
    """
    started = Start(directory, time.time_ns).run()
    started.database.close()  # which writes its log back
    state = started.contents.state()
    # Texts of another release may have members that this one does not know.
    known = State.of(state.workspaces(), state.revision, state.request_keys, state.recovery, state.store_id)
    return replace(known, history=state.history), started.contents.warnings


def make_in_place(directory: Directory, state: State) -> None:
    """Make a durable database of this state. Raises OSError."""
    temp = replacing.make(directory, state)
    try:
        replacing.put_in_place(directory, temp)
    except BaseException:
        replacing.drop(directory, temp)
        raise


def read_again(directory: Directory) -> State:
    """Return the state of a database that was just made. Raises StoreUnusable or OSError."""
    try:
        with closing(Database(directory.path / DATABASE)) as database:
            return read(database).state()
    except sqlite3.Error as error:
        raise as_os_error(error) from error
    except (Damaged, NewerDatabase) as error:
        path = directory.path / DATABASE
        raise StoreUnusable(f"{path} reads back damaged ({error})", "check the disk", errno.EIO) from error
