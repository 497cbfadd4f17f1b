"""Putting a new database in the place of another, so that a kill at any point leaves one whole store.

The strategy:
1. What is damaged is set aside by renames, first the database, then its log: SQLite would write the log into any
   database that it finds beside it, and it writes a log back when it closes the database.
2. The new database is made under a temporary name, synced, and renamed to `workspaces.db`.
3. What was set aside goes to quarantine.
A start that finds something set aside goes on from there. Nothing is copied: a database may be large, and the disk full.
"""

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Final

from workspaced.domain.state import State
from workspaced.store.disk import close_quietly
from workspaced.store.files import CREATE_FILE, Directory
from workspaced.store.quarantine import move_in, new_names, remove_oldest
from workspaced.store.sqlite.database import as_os_error
from workspaced.store.sqlite.writing import make_database
from workspaced_protocol.datadir import DAMAGED_DATABASE, DATABASE, QUARANTINE, temp_name

_COPIED_BYTES: Final = 1024 * 1024

SUFFIXES: Final = ("", "-wal", "-journal")
"""The database's file, and those that SQLite reads with it."""


def set_aside(directory: Directory, time_ns: Callable[[], int]) -> list[str]:
    """Take step 1, or its rest after a kill. Raises OSError.

    Nothing is set aside over another file: an earlier database goes to quarantine before, and so does a log that is no
    part of the one that is set aside. Return their paths.
    """
    moved: list[str] = []
    if directory.identify(DATABASE) is not None:
        moved += to_quarantine(directory, names_in_quarantine(directory, "damaged", time_ns))
    for suffix in SUFFIXES:
        if directory.identify(DATABASE + suffix) is None:
            continue
        if directory.identify(DAMAGED_DATABASE + suffix) is None:
            directory.disk.rename(DATABASE + suffix, DAMAGED_DATABASE + suffix, directory.fd)
        else:
            moved += to_quarantine(directory, _new_names(directory, [suffix], DATABASE, "damaged", time_ns))
    directory.disk.sync_directory(directory.fd, directory.path)
    return moved


def is_set_aside(directory: Directory) -> bool:
    """Return whether a database is set aside and no new one is in its place. Raises OSError."""
    return directory.identify(DAMAGED_DATABASE) is not None and directory.identify(DATABASE) is None


def names_in_quarantine(directory: Directory, reason: str, time_ns: Callable[[], int]) -> Mapping[str, str]:
    """Return a new name in quarantine for each file that is set aside. Raises OSError."""
    there = [suffix for suffix in SUFFIXES if directory.identify(DAMAGED_DATABASE + suffix) is not None]
    return _new_names(directory, there, DAMAGED_DATABASE, reason, time_ns)


def _new_names(
    directory: Directory, suffixes: Sequence[str], stem: str, reason: str, time_ns: Callable[[], int]
) -> Mapping[str, str]:
    if not suffixes:
        return {}
    with closing(directory.open_below(QUARANTINE)) as folder:
        names = new_names(folder, [DATABASE + suffix for suffix in suffixes], reason, time_ns)
    return {stem + suffix: name for suffix, name in zip(suffixes, names, strict=True)}


def end_of_last(directory: Directory, told: Sequence[str], time_ns: Callable[[], int]) -> list[str]:
    """Take step 3 for a start that was killed before it, and return the paths. Raises OSError.

    `told` are the paths of its notice: the files get these names, or others where there are such files.
    """
    names = dict(names_in_quarantine(directory, "damaged", time_ns))
    if not names:
        return []
    for path in told:
        name = Path(path).name
        for suffix in SUFFIXES:
            if name.endswith(f"-{DATABASE}{suffix}"):
                names[DAMAGED_DATABASE + suffix] = name
    return to_quarantine(directory, names)


def make(directory: Directory, state: State) -> str:
    """Make a synced database of this state under a temporary name, and return that. Raises OSError."""
    disk = directory.disk
    temp = temp_name(secrets.token_hex(8))
    path = directory.path / temp
    fd = disk.open(temp, CREATE_FILE, 0o600, directory.fd)
    try:
        # SQLite knows paths alone.
        if not os.path.samestat(disk.stat(str(path)), disk.stat_open(fd)):
            raise OSError(errno.ESTALE, "the path leads to another directory now")
        make_database(path, state)
        disk.sync(fd)
    except BaseException as error:
        drop(directory, temp)
        if isinstance(error, sqlite3.Error):
            raise as_os_error(error) from error
        raise
    finally:
        close_quietly(disk, fd)
    return temp


def drop(directory: Directory, temp: str) -> None:
    """Remove a temporary database that is not put in place."""
    with suppress(OSError):  # the failure before this one is reported; the next start removes it
        directory.disk.unlink(temp, directory.fd)


def put_in_place(directory: Directory, temp: str) -> None:
    """Rename a new database to its place, durably. Raises OSError."""
    directory.disk.rename(temp, DATABASE, directory.fd)
    directory.disk.sync_directory(directory.fd, directory.path)


def renew(directory: Directory, name: str) -> None:
    """Put a synced copy of a file in its place, if it is there: what it holds is then durable. Raises OSError."""
    disk, temp = directory.disk, temp_name(secrets.token_hex(8))
    with ExitStack() as opened:
        try:
            source = directory.open_regular(name)
        except FileNotFoundError:
            return
        opened.callback(close_quietly, disk, source)
        target = disk.open(temp, CREATE_FILE, 0o600, directory.fd)
        opened.callback(close_quietly, disk, target)
        opened.callback(drop, directory, temp)
        offset = 0
        while data := memoryview(disk.read_at(source, _COPIED_BYTES, offset)):
            while data:
                taken = disk.write_at(target, data, offset)
                data, offset = data[taken:], offset + taken
        disk.sync(target)
        disk.rename(temp, name, directory.fd)
    disk.sync_directory(directory.fd, directory.path)


def to_quarantine(directory: Directory, names: Mapping[str, str]) -> list[str]:
    """Take step 3, and return the paths in quarantine. Raises OSError."""
    if all(directory.identify(name) is None for name in names):
        return []
    with closing(directory.open_below(QUARANTINE)) as folder:
        moved = move_in(directory, folder, names)
        remove_oldest(folder)
        return moved
