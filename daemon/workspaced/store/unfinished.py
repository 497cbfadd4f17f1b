"""The marker of a migration under way: which of two stores serves, and what becomes of the other's files.

The strategy: while a data directory holds the files of two stores, a marker names the one that serves. It is replaced by
a rename, so each instant has one answer. It lists the files of the other store. Whoever finds it under the lock, the
migration itself or the next start after a kill, moves those to quarantine, then removes the marker: until then all of it
can be done again, and nothing is lost by it.
"""

import errno
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Final, Literal

import msgspec
from msgspec import Struct

from workspaced.store.contract import StoreUnusable
from workspaced.store.files import Directory
from workspaced.store.quarantine import move_in, new_names
from workspaced_protocol.datadir import (
    ANSWERED,
    DATABASE,
    DATABASE_JOURNAL,
    DATABASE_LOG,
    EARLIER_HISTORY,
    HISTORY,
    JOINED,
    MIGRATION,
    PRIMARY,
    QUARANTINE,
    SNAPSHOT,
)

Kind = Literal["json", "sqlite", "etcd"]

NAMES: Final[Mapping[Kind, str]] = {"json": "JSON", "sqlite": "SQLite", "etcd": "etcd"}
A_STORE: Final[Mapping[Kind, str]] = {
    "json": "a JSON store",
    "sqlite": "a SQLite store",
    "etcd": "an etcd store",
}

FILES: Final[Mapping[Kind, tuple[str, ...]]] = {
    "json": (PRIMARY, SNAPSHOT, HISTORY, EARLIER_HISTORY),
    "sqlite": (DATABASE, DATABASE_LOG, DATABASE_JOURNAL, ANSWERED),
    "etcd": (JOINED,),
}
"""All files of a whole store of each kind, or the one that tells of it."""

_OWNERS: Final[Mapping[str, Kind]] = {name: kind for kind, names in FILES.items() for name in names}


class Unfinished(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the marker."""

    kind: Kind
    """The store that serves."""
    leaves: dict[str, str]
    """The files of the other store, as far as they are there, each with its name in quarantine."""


def mark(directory: Directory, marker: Unfinished) -> None:
    """Put the marker durably in place of the one before. Raises StorageFailure if nothing changed, or CommitUnknown."""
    directory.replace([MIGRATION], msgspec.json.encode(marker) + b"\n")


def marked(directory: Directory) -> Unfinished | None:
    """Return what the marker tells, or None where there is none. Raises StoreUnusable."""
    content = directory.read(MIGRATION)
    if content is None:
        return None
    path = directory.path / MIGRATION
    try:
        found = msgspec.json.decode(content.data, type=Unfinished)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    for name, to in found.leaves.items():
        if _OWNERS.get(name, found.kind) == found.kind or os.path.basename(to) != to:
            raise _unusable(path, f"{name} is no file of another store")
    return found


def names_in_quarantine(directory: Directory, files: Sequence[str], reason: str) -> dict[str, str]:
    """Return a new name in quarantine for each of these files. Raises StoreUnusable or OSError."""
    with closing(directory.open_below(QUARANTINE)) as folder:
        if os.fstat(folder.fd).st_dev != os.fstat(directory.fd).st_dev:
            told = f"{folder.path} lies on another file system, so nothing can be moved there"
            raise StoreUnusable(told, "unmount it first", errno.EXDEV)
        return dict(zip(files, new_names(folder, files, reason), strict=True))


def finish(directory: Directory) -> Unfinished | None:
    """Move the files that the marker lists to quarantine, and remove it; return what it told, None without a marker.

    Raises StoreUnusable or OSError: then the marker stays, and the same store goes on serving.
    """
    found = marked(directory)
    if found is None:
        return None
    disk = directory.disk
    directory.settle([MIGRATION])  # the process that put it there may have been killed before its sync
    with closing(directory.open_below(QUARANTINE)) as folder:
        move_in(directory, folder, found.leaves)
    disk.unlink(MIGRATION, directory.fd)
    disk.sync_directory(directory.fd, directory.path)
    return found


def _unusable(path: os.PathLike[str], reason: str) -> StoreUnusable:
    advice = (
        "it tells which of two stores serves after a migration that was stopped: leave the files of one store there, move "
        "this file and the other store's away, then start again"
    )
    return StoreUnusable(f"{path} can't be read ({reason})", advice, errno.EINVAL)
